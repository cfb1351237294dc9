"""Pages of docs/ that come from code."""
