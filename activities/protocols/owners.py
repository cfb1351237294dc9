"""The workflows themselves."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from activities.protocols.failure import GatewayError
from environments.model import EnvironmentKey, PullRequestKey
from environments.work import Request, Sighting


class OwnerRefused(GatewayError):
    """A workflow's validator said no to an update; the message is its sentence."""

    retryable = False


class OwnerGone(GatewayError):
    """No such workflow runs: its pull request is over, or was never seen."""

    retryable = False


class RunningPullRequest(NamedTuple):
    """As its workflow shows it in Temporal's own UI."""

    key: PullRequestKey
    sha: str = ""
    """The head that it last told of; empty: none yet."""
    phase: str = ""
    """Of its environment; without one, the reason why there is none."""


class Owners(Protocol):
    """The workflows that own pull requests and environments, found by names.pull_request_workflow_id and environment_workflow_id.
    Temporal not answering is a retryable GatewayError."""

    async def wake_pull_request(
        self,
        key: PullRequestKey,
        signal: str,
        request: Request,
        *,
        may_start: bool,
        environment: EnvironmentKey | None = None,
    ) -> bool:
        """Signal it, starting it where it doesn't run and may. False: it doesn't run and may not start (`closed` never starts)."""
        ...

    async def wake_environment(self, key: EnvironmentKey, sighting: Sighting | None = None) -> None:
        """Signal `look`, with what was seen of it, starting the workflow where it doesn't run."""
        ...

    async def runs(self, workflow_id: str) -> bool:
        """By Describe of its id, never by visibility, which lags (design: rule 3)."""
        ...

    async def running_pull_requests(self) -> Sequence[RunningPullRequest]:
        """Those whose workflows run. By visibility, which lags by seconds: good for finding what was missed, never for deciding."""
        ...

    async def ask_pull_request(self, key: PullRequestKey, update: str, request: Request) -> str:
        """Update `retry`, `close`, `override` or `push`; the workflow's answer. Raises OwnerRefused, OwnerGone."""
        ...

    async def ask_environment(self, key: EnvironmentKey, update: str, request: Request) -> str:
        """Update `retry`, `close` or `override`; the workflow's answer. Raises OwnerRefused, OwnerGone."""
        ...
