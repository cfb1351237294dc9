"""The same Temporal server as for the workflows' other tests."""

from tests.workflows.conftest import steady_client, temporal

__all__ = ["steady_client", "temporal"]
