"""The domain, pure: values and decisions. No client library, no I/O, imports nothing else of ours."""
