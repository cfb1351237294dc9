"""Repositories' files at one commit, by the git program. Nothing outside this package runs git."""
