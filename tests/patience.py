"""How long tests wait for what happens by itself."""

PATIENCE_SECONDS = 120
"""Until it counts as not happening. Long, because machines are shared: that something is quick is `make bench`'s to say."""
