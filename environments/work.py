"""What workflows and activities hand each other: references and facts, never manifests, logs or secrets.

Fields may be added with defaults, never removed or renamed: histories of running workflows hold these values.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from environments.model import (
    CommitSha,
    EnvironmentIdentity,
    EnvironmentKey,
    EnvironmentUid,
    NamespaceName,
    Overrides,
    PullRequest,
    PullRequestKey,
    Step,
    Template,
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
    """Fields left out stay as they are; `reset` gives everything back to detection first (FR-ENV-011)."""

    overrides: Overrides = Overrides()
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


class ObservedEnvironment(Value):
    """An Environment resource as its workflow needs it."""

    key: EnvironmentKey
    identity: EnvironmentIdentity
    namespace: NamespaceName
    uid: EnvironmentUid
    generation: int
    fingerprint: str
    """Changes with everything in the spec that asks for a new rollout; not with what detection writes."""
    sha: CommitSha
    branch: str
    pull_request: PullRequestKey | None
    is_deleting: bool
    is_suspended: bool
    overrides: Overrides
    fence: int
    """Newest rollout number on the environment namespace; 0 without one."""
    refusal: str = ""
    """Why this resource can't be served (another environment's namespace); a sentence."""


class RolloutInput(Value):
    environment: ObservedEnvironment
    rollout: int
    owner_workflow_id: str
    """Gets signal `rollout_progress`."""


class RolloutProgress(Value):
    rollout: int
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()


class Outcome(StrEnum):
    READY = "ready"
    FAILED = "failed"


class RolloutResult(Value):
    outcome: Outcome
    sha: CommitSha
    rollout: int
    steps: tuple[Step, ...] = ()
    url: str | None = None
    """None while nothing answers (the generic shell)."""
    reason: str = ""
    message: str = ""
    notes: tuple[str, ...] = ()
    failed_log: str | None = None


class SourceResult(Value):
    """What the checkout said."""

    template: Template
    notes: tuple[str, ...] = ()


class BuildStep(Value):
    rollout: RolloutInput
    template: Template


class Images(Value):
    """Which images the objects run."""

    image: str | None = None
    source_image: str | None = None


class DeployStep(Value):
    rollout: RolloutInput
    template: Template
    images: Images


class ReadyStep(Value):
    rollout: RolloutInput
    expects_answer: bool
    """False for the generic shell: Ready without a URL until something listens."""


class ReadyResult(Value):
    url: str | None = None
    failure: str = ""
    reason: str = ""
    failed_log: str | None = None


class TeardownRequest(Value):
    key: EnvironmentKey
    namespace: NamespaceName
    uid: EnvironmentUid | None


class Teardown(Value):
    """What is still there."""

    remaining: tuple[str, ...] = ()


class HealthResult(Value):
    """What the steady-state check found."""

    is_healthy: bool
    url: str | None = None
    reason: str = ""
    message: str = ""


class StatusReport(Value):
    """One write of the newest state: resource status, index row, and the PR's workflow told."""

    key: EnvironmentKey
    identity: EnvironmentIdentity
    pull_request: PullRequestKey | None
    report: EnvironmentReport


class EnvironmentChanged(Value):
    """Signal `environment_changed` to the pull request's workflow; an older uid or generation is ignored (design: rule 4)."""

    key: EnvironmentKey
    report: EnvironmentReport


class PullRequestReport(Value):
    """One write on the pull request: comment and commit status."""

    pull_request: PullRequest
    report: EnvironmentReport | None
    reason: str = ""
    message: str = ""


class Difference(Value):
    """One thing that Reconcile found to differ from what runs."""

    pull_request: PullRequestKey | None = None
    environment: EnvironmentKey | None = None
    why: str = ""
