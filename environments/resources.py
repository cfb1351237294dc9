"""The objects that a pull request declares: the two upper namespaces and the Environment resource, as dictionaries."""

from environments import labels, names
from environments.model import EnvironmentIdentity, EnvironmentKey, KubernetesObject, PullRequest


def environment_key(identity: EnvironmentIdentity) -> EnvironmentKey:
    """Environment resources lie in the project namespace (FR-ENV-020)."""
    return EnvironmentKey(namespace=names.project_namespace(identity.team, identity.project), name=identity.environment)


def team_namespace_object(identity: EnvironmentIdentity, pull_request: PullRequest) -> KubernetesObject:
    """Annotated with its owner, which whoever finds the namespace must compare before adopting it."""
    owner = f"{pull_request.key.forge}/{pull_request.repository.owner_id}"
    return _namespace(names.team_namespace(identity.team), "team", {labels.TEAM: identity.team}, {labels.OWNER: owner})


def project_namespace_object(identity: EnvironmentIdentity, pull_request: PullRequest) -> KubernetesObject:
    repository = f"{pull_request.key.forge}/{pull_request.repository.id}"
    return _namespace(
        names.project_namespace(identity.team, identity.project),
        "project",
        {labels.TEAM: identity.team, labels.PROJECT: identity.project},
        {labels.REPOSITORY: repository},
    )


def preview_object(identity: EnvironmentIdentity, pull_request: PullRequest, retry: int) -> KubernetesObject:
    """The Environment of a pull request at its head; the finalizer is part of its first write (design: rule 3)."""
    key = environment_key(identity)
    source = {
        "name": "main",
        "commitSha": pull_request.head_sha,
        "branch": pull_request.head_branch,
        "prNumber": pull_request.key.number,
    }
    return {
        "apiVersion": labels.API_VERSION,
        "kind": "Environment",
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "finalizers": [labels.FINALIZER],
            "labels": _labels(identity),
            "annotations": {labels.PULL_REQUEST: labels.pull_request_annotation(pull_request.key)}
            | ({labels.FORK: "true"} if pull_request.is_from_fork else {}),
        },
        "spec": {
            "projectRef": {"name": identity.project},
            "type": "development",
            "sources": [source],
            "retry": retry,
        },
    }


def _labels(identity: EnvironmentIdentity) -> dict[str, str]:
    return {
        labels.TEAM: identity.team,
        labels.PROJECT: identity.project,
        labels.ENVIRONMENT: identity.environment,
        labels.MANAGED_BY: labels.MANAGER,
    }


def _namespace(name: str, level: str, own: dict[str, str], annotations: dict[str, str]) -> KubernetesObject:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": own | {labels.NAMESPACE_TYPE: level, labels.MANAGED_BY: labels.MANAGER},
            "annotations": annotations,
        },
    }
