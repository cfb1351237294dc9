"""The Kubernetes API. Nothing outside this package imports `kubernetes`."""
