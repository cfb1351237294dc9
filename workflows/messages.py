"""Input, state and result of the workflows; see environments.work for what passes between workflows and activities."""

from datetime import datetime

from environments.model import (
    EnvironmentIdentity,
    EnvironmentKey,
    EnvironmentUid,
    Message,
    NamespaceName,
    PullRequest,
    PullRequestKey,
    Template,
    Value,
)
from environments.policy import Wishes
from environments.report import EnvironmentReport
from environments.work import Declared, PushRequest, RecordedOverride, Request, RolloutRequest, Verdict


class PullRequestState(Value):
    """What survives continue-as-new: timers, commands and wishes are state (design: rule 7)."""

    wishes: Wishes = Wishes()
    environment: EnvironmentKey | None = None
    """What may have been declared, whether or not an answer came back."""
    declared: Declared | None = None
    report: EnvironmentReport | None = None
    is_removing: bool = False
    """The deletion under way is our own, and nobody's wish."""
    overrides: tuple[RecordedOverride, ...] = ()
    """Taken by signal, not yet handed to the environment."""
    pushes: tuple[PushRequest, ...] = ()
    """From the terminal, not yet answered."""
    comments: tuple[int, ...] = ()
    """Not yet answered; ids on the forge."""
    answered: tuple[int, ...] = ()
    """The last comments that were."""


class PullRequestInput(Value):
    key: PullRequestKey
    environment: EnvironmentKey | None = None
    """Given by Reconcile for a preview whose workflow is gone, in case the forge doesn't know the pull request any more."""
    state: PullRequestState | None = None


class PullRequestSnapshot(Value):
    """Answer of the query `snapshot`."""

    pull_request: PullRequest | None = None
    state: PullRequestState = PullRequestState()
    message: Message | None = None
    is_told: bool = True
    """False while there is news that the pull request hasn't been told yet: progress gathers."""


class PullRequestResult(Value):
    message: Message


class EnvironmentState(Value):
    """What survives continue-as-new of an environment's workflow."""

    uid: EnvironmentUid | None = None
    identity: EnvironmentIdentity | None = None
    namespace: NamespaceName | None = None
    pull_request: PullRequestKey | None = None
    rollout: int = 0
    """Number of the newest rollout."""
    attempted: RolloutRequest | None = None
    """What the newest rollout was made for."""
    verdict: Verdict | None = None
    """What came of it; None while it runs."""
    report: EnvironmentReport = EnvironmentReport()
    deleting_since: datetime | None = None
    unblocked_at: datetime | None = None
    """When the deadline's clean-up ran last."""
    suspect_until: datetime | None = None
    """Until then an activity of a cancelled rollout may still be writing somewhere."""
    retry_at: datetime | None = None
    """When a rollout that failed for a passing cause is tried again."""
    wants_retry: bool = False
    overrides: tuple[RecordedOverride, ...] = ()
    """Taken, not yet written."""
    close: Request | None = None
    """Taken by signal, not yet carried out."""
    template: Template | None = None
    """How the newest rollout was deployed."""
    was_superseded: bool = False
    """The newest rollout found its number overtaken, though the resource asks for nothing else."""


class EnvironmentInput(Value):
    key: EnvironmentKey
    state: EnvironmentState | None = None


class EnvironmentSnapshot(Value):
    """Answer of the query `snapshot`."""

    key: EnvironmentKey
    state: EnvironmentState


class EnvironmentResult(Value):
    message: Message
