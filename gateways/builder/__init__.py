"""Image builds. Nothing outside this package runs buildctl."""
