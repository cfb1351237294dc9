"""For every test."""

# Imported before anything runs: the plugin would import it at the end otherwise, where Python 3.11 can fail with
# "AST constructor recursion depth mismatch" when garbage collection runs while pytest rewrites its assertions.
import hypothesis  # noqa: F401
