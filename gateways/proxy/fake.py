"""The forward proxy in memory: what it was told last."""

from collections.abc import Iterable

from gateways.faking import Controls
from gateways.proxy.configuration import Outside, Project


class InMemoryProxy(Controls):
    """Implements egress.follower.ForwardProxy; operation for `fail_next` and `hangs`: `apply`."""

    def __init__(self) -> None:
        super().__init__()
        self.outside: Outside | None = None
        self.projects: dict[int, Project] = {}
        """By port."""

    async def apply(self, outside: Outside, projects: Iterable[Project]) -> None:
        projects = tuple(projects)
        await self.enter("apply", ",".join(str(each.port) for each in projects))
        self.outside, self.projects = outside, {each.port: each for each in projects}
