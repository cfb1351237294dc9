"""The image registry: the distribution API, and how people write images."""
