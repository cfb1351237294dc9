"""Names of namespaces, hosts and workflows: functions in pairs (make, parse), never an f-string at a call site.

Rule: FR-ENV-020, FR-ENV-021 and the design's "Names" (the specification's printed example is wrong).
"""

import hashlib
import re

from environments.model import CommitSha, EnvironmentKey, NamespaceName, PullRequestKey

MAX_LENGTH = 63
"""Kubernetes' limit for a namespace and for one label of a host name."""
CUT = 57
HASH_LENGTH = 5
RESERVED_TEAMS = frozenset({"default", "catalyst"})
RESERVED_PREFIXES = ("kube-", "catalyst-")


class InvalidName(ValueError):
    """A team, project or environment can't be called that; the message is a sentence for people."""


def sanitise(component: str) -> str:
    """Lower case, every run of other characters than a-z and 0-9 becomes one `-`, none at the ends.

    Raises InvalidName when nothing is left.
    """
    clean = re.sub(r"[^a-z0-9]+", "-", component.lower()).strip("-")
    if not clean:
        raise InvalidName(f"{component[:63]!r} has no letter a-z or digit in it: choose a name with at least one.")
    return clean


def namespace_name(*components: str) -> NamespaceName:
    """Sanitise each component, join with `-`, and past 63 characters cut and add five hex digits of the SHA-256.

    Not injective (`a`, `b-c` and `a-b`, `c` give the same): whoever adopts a namespace must check its ownership.
    """
    full = "-".join(sanitise(component) for component in components)
    if len(full) <= MAX_LENGTH:
        return NamespaceName(full)
    digest = hashlib.sha256(full.encode()).hexdigest()[:HASH_LENGTH]
    return NamespaceName(f"{full[:CUT].rstrip('-')}-{digest}")


def team_namespace(team: str) -> NamespaceName:
    """Raises InvalidName for names that Kubernetes or the platform keeps."""
    name = namespace_name(team)
    if name in RESERVED_TEAMS or name.startswith(RESERVED_PREFIXES):
        raise InvalidName(f"A team can't be called {name!r}: Kubernetes or the platform keeps that name.")
    return name


def project_namespace(team: str, project: str) -> NamespaceName:
    """Where the project's Environment resources lie (FR-ENV-020)."""
    return namespace_name(team_namespace(team), project)


def environment_namespace(team: str, project: str, environment: str) -> NamespaceName:
    """Where the workload runs (FR-ENV-020)."""
    team_namespace(team)
    return namespace_name(team, project, environment)


def environment_namespace_prefix(team: str, project: str) -> str:
    """What the environment namespaces of a project begin with, cut or not."""
    return f"{sanitise(team)}-{sanitise(project)}-"[:CUT]


def preview_name(number: int) -> str:
    """Name of the environment that a pull request owns."""
    return f"pr-{number}"


def pull_request_number(name: str) -> int | None:
    """Inverse of preview_name; None for an environment that no pull request owns."""
    match = re.fullmatch(r"pr-([1-9][0-9]{0,17})", name, re.ASCII)
    return int(match[1]) if match else None


def host(namespace: NamespaceName, domain: str) -> str:
    """Derived from the namespace, never from the number alone: two projects have a PR 12 each."""
    return f"{namespace}.{domain}"


def pull_request_workflow_id(key: PullRequestKey) -> str:
    """`pr/<forge>/<repository id>/<number>`: numeric ids, because names change."""
    return f"pr/{key.forge}/{key.repository_id}/{key.number}"


def parse_pull_request_workflow_id(workflow_id: str) -> PullRequestKey | None:
    match = re.fullmatch(r"pr/([a-z]+)/([0-9]{1,18})/([0-9]{1,18})", workflow_id, re.ASCII)
    return PullRequestKey(forge=match[1], repository_id=int(match[2]), number=int(match[3])) if match else None


def environment_workflow_id(key: EnvironmentKey) -> str:
    """`environment/<project namespace>/<name>`."""
    return f"environment/{key.namespace}/{key.name}"


def parse_environment_workflow_id(workflow_id: str) -> EnvironmentKey | None:
    match = re.fullmatch(r"environment/([a-z0-9-]{1,63})/([a-z0-9-]{1,63})", workflow_id, re.ASCII)
    return EnvironmentKey(namespace=NamespaceName(match[1]), name=match[2]) if match else None


def rollout_workflow_id(namespace: NamespaceName, sha: CommitSha, rollout: int) -> str:
    """`rollout/<environment namespace>/<short sha>/<n>`."""
    return f"rollout/{namespace}/{sha[:7]}/{rollout}"
