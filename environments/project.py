"""The Project resource: which repository a project is, and how its environments deploy."""

from typing import Any

from pydantic import Field

from environments import labels, names
from environments.model import EnvironmentIdentity, KubernetesObject, PullRequest, Value


class RepositoryOfProject(Value):
    forge: str
    id: int
    clone_url: str
    """As somebody may have edited it: only the forge that serves it decides whether a credential goes along."""
    templates: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """By type (`development`, `deployment`, a custom key), as written in the resource."""


def project_object(identity: EnvironmentIdentity, pull_request: PullRequest) -> KubernetesObject:
    """The Project as the forge's repository makes it; people add templates to it (FR-ENV-020: it lies in the team's namespace)."""
    repository = pull_request.repository
    source = {"name": "main", "repositoryUrl": repository.clone_url, "branch": repository.default_branch}
    return {
        "apiVersion": labels.API_VERSION,
        "kind": "Project",
        "metadata": {
            "name": identity.project,
            "namespace": names.team_namespace(identity.team),
            "labels": {
                labels.TEAM: identity.team,
                labels.PROJECT: identity.project,
                labels.MANAGED_BY: labels.MANAGER,
            },
        },
        "spec": {"sources": [source]},
    }


def repository_of(
    project: KubernetesObject | None, project_namespace: KubernetesObject | None
) -> RepositoryOfProject | None:
    """None when no repository is named. Forge and id are those of the namespace, which only we write (design: rule 11)."""
    annotations = (project_namespace or {}).get("metadata", {}).get("annotations") or {}
    forge, _, number = annotations.get(labels.REPOSITORY, "").partition("/")
    spec = (project or {}).get("spec") or {}
    sources = spec.get("sources") or [{}]
    url = sources[0].get("repositoryUrl")
    if not (forge and number.isdigit() and url):
        return None
    templates = {key: value for key, value in (spec.get("templates") or {}).items() if isinstance(value, dict)}
    return RepositoryOfProject(forge=forge, id=int(number), clone_url=url, templates=templates)
