"""What the product may do in a cluster, as manifests."""
