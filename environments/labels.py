"""Labels, annotations, finalizer and field managers on everything of ours, spelled in one place."""

from environments.model import PullRequestKey

API_VERSION = "catalyst.catalyst.dev/v1alpha1"
FINALIZER = "catalyst.dev/finalizer"

TEAM = "catalyst.dev/team"
PROJECT = "catalyst.dev/project"
ENVIRONMENT = "catalyst.dev/environment"
NAMESPACE_TYPE = "catalyst.dev/namespace-type"
"""`team`, `project` or `environment`."""
MANAGED_BY = "catalyst.dev/managed-by"

OWNER = "catalyst.dev/owner"
"""On the team namespace: `<forge>/<numeric owner id>`. Names change hands, ids don't (design: rule 11)."""
REPOSITORY = "catalyst.dev/repository"
"""On the project namespace: `<forge>/<numeric repository id>`."""
PULL_REQUEST = "catalyst.dev/pull-request"
"""On an Environment: `<forge>/<repository id>/<number>`."""

MANAGER = "catalyst"
"""Field manager of what we declare (design: rule 10)."""


def pull_request_annotation(key: PullRequestKey) -> str:
    return f"{key.forge}/{key.repository_id}/{key.number}"
