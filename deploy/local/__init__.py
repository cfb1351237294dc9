"""The local platform: real Kubernetes, forge, registry, builder and Temporal on one machine, from package registries alone."""
