"""Input, state and result of the workflows; see environments.work for what passes between workflows and activities."""

from environments.model import EnvironmentKey, Message, PullRequest, PullRequestKey, Value
from environments.policy import Wishes
from environments.report import EnvironmentReport
from environments.work import Declared


class PullRequestState(Value):
    """What survives continue-as-new: timers, commands and wishes are state (design: rule 7)."""

    wishes: Wishes = Wishes()
    environment: EnvironmentKey | None = None
    """What may have been declared, whether or not an answer came back."""
    declared: Declared | None = None
    report: EnvironmentReport | None = None


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


class PullRequestResult(Value):
    message: Message
