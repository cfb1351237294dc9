"""What happens to a pull request; each step of each of them is tried with a worker that dies there (issue 5)."""

from abc import ABC, abstractmethod

from environments.model import Phase
from environments.work import Request
from tests.workflows.world import B, Preview, World

BROKEN = {"Dockerfile": "FROM busybox\nRUN false\n"}


class Scenario(ABC):
    """`before` is undisturbed; the worker dies during `act`, which waits for nothing that only an undisturbed run shows."""

    @abstractmethod
    async def before(self, world: World) -> Preview: ...

    @abstractmethod
    async def act(self, preview: Preview) -> None: ...


class Open(Scenario):
    async def before(self, world: World) -> Preview:
        return world.opened_unheard()

    async def act(self, preview: Preview) -> None:
        await preview.hear_opened()


class FailedBuild(Open):
    async def before(self, world: World) -> Preview:
        return world.opened_unheard(BROKEN)


class Ready(Scenario):
    """What begins with a preview that runs."""

    async def before(self, world: World) -> Preview:
        preview = await world.open()
        await preview.becomes(Phase.READY)
        await preview.comment_says("Ready")
        return preview


class Push(Ready):
    async def act(self, preview: Preview) -> None:
        await preview.push(B)


class Close(Ready):
    async def act(self, preview: Preview) -> None:
        await preview.close()


class Retry(Ready):
    async def act(self, preview: Preview) -> None:
        await preview.pull_request_workflow.execute_update("retry", Request(by="bob"))


class Reopen(Ready):
    async def before(self, world: World) -> Preview:
        preview = await super().before(world)
        await preview.close()
        await preview.is_over()
        return preview

    async def act(self, preview: Preview) -> None:
        await preview.reopen()


SCENARIOS: dict[str, Scenario] = {
    "open": Open(),
    "push": Push(),
    "close": Close(),
    "reopen": Reopen(),
    "failed-build": FailedBuild(),
    "retry": Retry(),
}
