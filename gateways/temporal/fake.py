"""Workflows in memory: which run, and what they were told, with controls for tests."""

from collections.abc import Sequence
from typing import NamedTuple

from activities.protocols import GatewayError, OwnerGone, OwnerRefused, RunningPullRequest
from environments.model import EnvironmentKey, PullRequestKey
from environments.names import environment_workflow_id, parse_pull_request_workflow_id, pull_request_workflow_id
from environments.work import Request, Sighting
from gateways.faking import Controls

ANSWER = "It is being done."


class Told(NamedTuple):
    """One signal or update that reached a workflow."""

    workflow_id: str
    name: str
    request: Request | None
    sighting: Sighting | None = None


class InMemoryOwners(Controls):
    """Implements Owners. Operations are `wake`, `runs` and `ask`."""

    def __init__(self) -> None:
        super().__init__()
        self.running: set[str] = set()
        """Workflow ids."""
        self.told: list[Told] = []
        self.broken: set[str] = set()
        """Workflow ids that no call gets through to."""
        self.refusals: dict[str, str] = {}
        """By update: the sentence with which it is refused."""

    def end(self, key: PullRequestKey | EnvironmentKey) -> None:
        """Its workflow is over."""
        self.running.discard(_id(key))

    async def wake_pull_request(
        self,
        key: PullRequestKey,
        signal: str,
        request: Request,
        *,
        may_start: bool,
        environment: EnvironmentKey | None = None,
    ) -> bool:
        await self._reach("wake", _id(key))
        if may_start:
            self.running.add(_id(key))
        elif _id(key) not in self.running:
            return False
        self.told.append(Told(_id(key), signal, request))
        return True

    async def wake_environment(self, key: EnvironmentKey, sighting: Sighting | None = None) -> None:
        await self._reach("wake", _id(key))
        self.running.add(_id(key))
        self.told.append(Told(_id(key), "look", None, sighting))

    async def runs(self, workflow_id: str) -> bool:
        await self.enter("runs", workflow_id)
        return workflow_id in self.running

    async def running_pull_requests(self) -> Sequence[RunningPullRequest]:
        await self.enter("list", "")
        found = [parse_pull_request_workflow_id(each) for each in sorted(self.running)]
        return [RunningPullRequest(key) for key in found if key is not None]

    async def ask_pull_request(self, key: PullRequestKey, update: str, request: Request) -> str:
        return await self._ask(_id(key), update, request)

    async def ask_environment(self, key: EnvironmentKey, update: str, request: Request) -> str:
        return await self._ask(_id(key), update, request)

    async def _reach(self, operation: str, workflow_id: str) -> None:
        await self.enter(operation, workflow_id)
        if workflow_id in self.broken:
            raise GatewayError(f"{workflow_id} can't be reached.")

    async def _ask(self, workflow_id: str, update: str, request: Request) -> str:
        await self._reach("ask", workflow_id)
        if workflow_id not in self.running:
            raise OwnerGone(f"No workflow {workflow_id} runs.")
        if update in self.refusals:
            raise OwnerRefused(self.refusals[update])
        self.told.append(Told(workflow_id, update, request))
        return ANSWER


def _id(key: PullRequestKey | EnvironmentKey) -> str:
    return pull_request_workflow_id(key) if isinstance(key, PullRequestKey) else environment_workflow_id(key)
