"""What workflows and activities hand each other: references and facts, never manifests, logs or secrets.

Fields may be added with defaults, never removed or renamed: histories of running workflows hold these values.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from environments.comment_commands import Command, Mistake
from environments.model import (
    CommitSha,
    Detection,
    EnvironmentIdentity,
    EnvironmentKey,
    EnvironmentUid,
    Message,
    NamespaceName,
    Phase,
    PullRequest,
    PullRequestKey,
    Step,
    Template,
    Value,
)
from environments.overriding import Overridden, Scope
from environments.refusals import Refusal
from environments.report import EnvironmentReport


class Request(BaseModel):
    """What a person or a webhook sends by signal or update; typed by hand in Temporal's UI, so unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    by: str = "an operator"
    reason: str = ""
    delivery: str | None = None
    """Set when a webhook caused it: then it only says "look" (design: rule 1)."""
    sha: str | None = None
    asked_at: datetime | None = None
    """When the webhook came that asks for a URL (opened, reopened, pushed); how long that takes is measured from then."""


class SeenPullRequest(PullRequest):
    """As the forge has it now, with what the project's rules say of it: judged where it is looked at, so that histories hold
    the outcome, and rules may change."""

    refusal: Refusal | None = None
    note: str = ""
    """Why a part of the written rules doesn't count; a sentence for the pull request."""


class OverrideRequest(Request):
    """Signal and update `override`: what is given is set, what isn't stays; `reset` forgets all that people set before."""

    command: str | None = None
    workdir: str | None = None
    port: int | None = None
    env: dict[str, str] | None = None
    image: str | None = None
    tag: str | None = None
    reset: bool = False
    scope: Scope = "project"
    """`project`: for all environments of the project that are of the same type, now and later (FR-ENV-011)."""


class CommentRequest(Request):
    """Signal `commented`: somebody wrote a comment that may hold commands; the forge is asked what it says."""

    comment: int
    """Its id on the forge."""


class CommentWork(Value):
    pull_request: PullRequestKey
    comment: int


class HeardComment(Value):
    """What a comment says, and what its author may not."""

    by: str = ""
    commands: tuple[Command, ...] = ()
    """In order; all of them permitted."""
    not_permitted: tuple[Command, ...] = ()
    mistakes: tuple[Mistake, ...] = ()

    @property
    def is_empty(self) -> bool:
        """There is nothing to answer."""
        return not (self.commands or self.not_permitted or self.mistakes)


class Outcome(Value):
    command: Command
    refused: str = ""
    """Why it wasn't taken, a sentence; empty: it was."""


class CommentAnswer(Value):
    told: "PullRequestReport"
    comment: int
    heard: HeardComment
    outcomes: tuple[Outcome, ...]


def _as_it_was_meant(recorded: Any) -> Any:
    return {"scope": "environment", **recorded} if isinstance(recorded, dict) else recorded


RecordedOverride = Annotated[OverrideRequest, BeforeValidator(_as_it_was_meant)]
"""One that we wrote down ourselves, with its scope; where that is missing, it is from a time when there was only the environment."""


class PushRequest(Request):
    """Signal (from a terminal) and update `push`: commits made in the environment go to the pull request's branch."""

    message: str = ""
    """Everything that was changed is committed first, with this message; empty: only what is committed is pushed."""
    tip: CommitSha | None = None
    """The commit to push; None: what is checked out."""
    id: str = ""
    """Of the terminal that waits for the answer; empty: none does."""


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
    decided_at: int = 0
    """Milliseconds since 1970 of the decision; the API server refuses an older one than the stored (labels.DECLARED_AT)."""


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


class Sighting(Value):
    """What the watch saw, with signal `look` to an environment's workflow: what it knows or does itself needs no look."""

    uid: EnvironmentUid | None = None
    """Of the resource; None: something of ours in the environment namespace."""
    generation: int = 0


class EnvironmentChanged(Value):
    """Signal `environment_changed` to the pull request's workflow; an older uid or generation is ignored (design: rule 4)."""

    key: EnvironmentKey
    report: EnvironmentReport


class Target(Value):
    """What an Environment resource asks for, as far as it decides whether a new rollout is due."""

    sha: CommitSha
    branch: str
    retry: int
    settings: str
    """Digest of type and overrides: their values may be private, so they are read where they are used."""


class Observation(Value):
    """What the cluster says about one environment."""

    uid: EnvironmentUid | None = None
    """None: there is no such resource (any more)."""
    generation: int = 0
    is_deleting: bool = False
    identity: EnvironmentIdentity | None = None
    pull_request: PullRequestKey | None = None
    target: Target | None = None
    problem: Message | None = None
    """Why nothing can be rolled out: the resource says no commit, its project namespace isn't one."""
    namespace: NamespaceName | None = None
    """The environment namespace."""
    namespace_uid: EnvironmentUid | None = None
    """Of the environment that the existing namespace belongs to; None: there is none that is this environment's."""
    fence: int = 0
    """Number of the newest rollout that wrote there."""
    overridden: tuple[Overridden, ...] = ()
    deleted_by: str = ""
    """Who deleted the resource by hand, as Kubernetes calls them; empty: nobody that is known of."""
    traceparent: str | None = None
    """Trace of what declared it (labels.TRACEPARENT)."""


class RolloutRequest(Value):
    """One attempt to bring one commit to Ready."""

    key: EnvironmentKey
    identity: EnvironmentIdentity
    namespace: NamespaceName
    uid: EnvironmentUid
    rollout: int
    target: Target
    traceparent: str | None = None
    """Trace that it belongs to; None: that of whoever woke its environment."""

    def log_id(self, name: str) -> str:
        """In the log store: `<environment namespace>/<rollout>/<build|install|container>`."""
        return f"{self.namespace}/{self.rollout}/{name}"


class Inspection(Value):
    """What was found at the commit; overrides of environment variables are added where they are used."""

    template: Template
    detection: Detection
    image: str | None = None
    """prebuilt: reference, with digest where our registry knows it."""
    conflict: str | None = None
    """A person holds a field that detection would set: who and how to give it back."""
    ignored: tuple[str, ...] = ()
    """Sentences: what of the resource makes no sense and was left aside."""


class BuildWork(Value):
    request: RolloutRequest
    template: Template


class Images(Value):
    """References with digest."""

    image: str | None = None
    source_image: str | None = None
    """Of rollouts that began before source was delivered into pods (decision 13); nothing makes it any more."""


class DeployWork(Value):
    request: RolloutRequest
    template: Template
    images: Images


class Verdict(Value):
    """How a rollout, or a running environment, stands."""

    phase: Phase
    """Ready, Degraded or Failed."""
    url: str | None = None
    reason: str = ""
    message: str = ""
    failed_log: str | None = None


class DeliveryResult(Value):
    """Of the delivery of a commit into a development pod."""

    verdict: Verdict | None = None
    """Why there is no pod to deliver into."""
    note: str | None = None
    """What became of changes that had been made in the pod; a sentence."""


class RolloutProgress(Value):
    """Signal `progress` from a rollout to its environment; newest wins."""

    rollout: int
    phase: Phase
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()


class RolloutResult(Value):
    verdict: Verdict
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    template: Template | None = None
    """How it was deployed; None: it never came so far."""
    is_passing: bool = False
    """Failed for a cause outside that may pass by itself: worth another rollout later."""


class CheckRequest(Value):
    request: RolloutRequest
    was: Verdict
    template: Template | None = None
    """How it was deployed; None: it never came so far."""


class DeleteRequest(Value):
    key: EnvironmentKey
    uid: EnvironmentUid


class TearDownRequest(Value):
    key: EnvironmentKey
    namespace: NamespaceName
    uid: EnvironmentUid
    identity: EnvironmentIdentity | None = None
    """For the log only: teardown needs nothing but the cluster (design: rule 3)."""


class Remaining(Value):
    """What teardown still waits for; all empty: the cluster and the registry say that everything is gone."""

    namespace: bool = False
    volumes: tuple[str, ...] = ()
    images: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        return not (self.namespace or self.volumes or self.images)

    def sentence(self) -> str:
        volumes = [f"the volume {name}" for name in self.volumes]
        images = [f"images in {name}" for name in self.images]
        return f"Still there: {', '.join([*(['the namespace'] if self.namespace else []), *volumes, *images])}."


class Publication(Value):
    """What is written about an environment wherever people look."""

    key: EnvironmentKey
    identity: EnvironmentIdentity | None
    """None: it lies where no environment can be; its status says so, and the index has no row for it."""
    pull_request: PullRequestKey | None
    branch: str = ""
    """Of the newest rollout; empty before the first."""
    report: EnvironmentReport


class PullRequestReport(Value):
    """What a pull request is told."""

    pull_request: PullRequest
    report: EnvironmentReport | None
    message: Message | None
    note: str = ""


class OverrideWork(Value):
    key: EnvironmentKey
    uid: EnvironmentUid
    request: RecordedOverride


class PushWork(Value):
    pull_request: PullRequestKey
    key: EnvironmentKey
    namespace: NamespaceName
    """The environment namespace."""
    uid: EnvironmentUid
    request: PushRequest


class PushResult(Value):
    is_done: bool = False
    message: str
    """A sentence for who asked."""
    sha: str = ""


class Reconciled(Value):
    """What one reconciliation saw and did."""

    pull_requests: int
    """Open ones."""
    environments: int
    woken: int
    """Workflows that were started or signalled."""
