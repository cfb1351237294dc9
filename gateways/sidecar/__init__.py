"""The sidecar of development pods: activities.protocols.Sidecars."""
