"""What workflows and activities hand each other: references and facts, never manifests, logs or secrets.

Fields may be added with defaults, never removed or renamed: histories of running workflows hold these values.
"""

from pydantic import BaseModel, ConfigDict

from environments.model import (
    CommitSha,
    EnvironmentIdentity,
    EnvironmentKey,
    EnvironmentUid,
    NamespaceName,
    PullRequest,
    PullRequestKey,
    Value,
)
from environments.report import EnvironmentReport


class Request(BaseModel):
    """What a person or a webhook sends by signal or update; typed by hand in Temporal's UI, so unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    by: str = "an operator"
    reason: str = ""
    delivery: str | None = None
    """Set when a webhook caused it: then it only says "look" (design: rule 1)."""
    sha: str | None = None


class OverrideRequest(Request):
    """Signal and update `override`: what is given is set, what isn't stays; `reset` forgets all that people set before."""

    command: str | None = None
    workdir: str | None = None
    port: int | None = None
    env: dict[str, str] | None = None
    image: str | None = None
    tag: str | None = None
    reset: bool = False


class Declared(Value):
    """The Environment resource as it was declared last."""

    key: EnvironmentKey
    namespace: NamespaceName
    uid: EnvironmentUid
    generation: int
    sha: CommitSha
    retry: int = 0


class DeclareRequest(Value):
    pull_request: PullRequest
    identity: EnvironmentIdentity
    retry: int
    not_after: str
    """ISO time past which the activity must not write any more: a stale attempt that wakes up late does nothing."""


class DeclareResult(Value):
    declared: Declared | None = None
    blocked: str = ""
    """Why not (the old one is still being deleted, the namespace is somebody else's); a sentence."""
    reason: str = ""
    """Machine-readable reason of `blocked`."""
    may_change: bool = False
    """Whether waiting helps."""


class RemoveRequest(Value):
    key: EnvironmentKey
    pull_request: PullRequestKey
    """Whose it must be: somebody else's environment of that name stays."""


class EnvironmentChanged(Value):
    """Signal `environment_changed` to the pull request's workflow; an older uid or generation is ignored (design: rule 4)."""

    key: EnvironmentKey
    report: EnvironmentReport
