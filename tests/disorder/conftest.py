"""The same Temporal server as for the workflows' other tests."""

from tests.workflows.conftest import temporal

__all__ = ["temporal"]
