"""Labels, annotations, finalizer and field managers on everything of ours, spelled in one place."""

import re

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

FORK = "catalyst.dev/fork"
"""On an Environment, `true`: what it runs is a stranger's, allowed for one commit."""

BRANCH = "catalyst.dev/branch"
UID = "catalyst.dev/environment-uid"
"""Label on an environment namespace and on every object of ours in it: `metadata.uid` of the Environment."""
ROLLOUT = "catalyst.dev/rollout"
"""Label on every object of ours in an environment namespace, and on its pods: number of the rollout that wrote it last."""
FENCE = "catalyst.dev/fence"
"""Annotation on an environment namespace: number of the newest rollout, or DELETING (design: rule 2)."""
DELETING = "deleting"
RESOURCE = "catalyst.dev/environment-resource"
"""Annotation on an environment namespace: `<project namespace>/<name>` of the Environment that it belongs to."""
HOST = "catalyst.dev/host"
"""Annotation on an environment namespace: the one host that an Ingress of its owners may name (environments.guarding)."""
COMPONENT = "catalyst.dev/component"
"""`guard`: the objects that keep a namespace in its bounds; never pruned, repaired at once (design: rule 12)."""
GUARD = "guard"
DECLARED_AT = "catalyst.dev/declared-at"
"""Annotation on an Environment: milliseconds since 1970 of the decision that wrote it; an older one is refused (rule 2)."""
TRACEPARENT = "catalyst.dev/traceparent"
"""Annotation on an Environment: the trace (W3C Trace Context) of what declared it, which its rollout goes on with."""

OVERRIDDEN = "catalyst.dev/overridden"
"""Annotation on an Environment or Project: who overrode which field last, and when (environments.overriding)."""

MANAGER = "catalyst"
"""Field manager of what we declare (design: rule 10)."""
DETECTION_MANAGER = "catalyst-detection"
OVERRIDE_MANAGER = "catalyst-override"


def pull_request_annotation(key: PullRequestKey) -> str:
    return f"{key.forge}/{key.repository_id}/{key.number}"


def parse_pull_request_annotation(text: str) -> PullRequestKey | None:
    """Inverse of pull_request_annotation; None for anything else that people may have written there."""
    match = re.fullmatch(r"([a-z]{1,20})/([0-9]{1,18})/([0-9]{1,18})", text, re.ASCII)
    return PullRequestKey(forge=match[1], repository_id=int(match[2]), number=int(match[3])) if match else None


def parse_traceparent(text: object) -> str | None:
    """None for anything else that people may have written there; a newer version of the format is none of ours."""
    form = r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    return text if isinstance(text, str) and re.fullmatch(form, text) else None
