"""Environments' answers in memory for workflow tests: activities.protocols.Probe."""

from activities.protocols import Answer
from gateways.faking import Controls


class InMemoryProbe(Controls):
    """Implements Probe; operation for `fail_next` and `hangs`: `get`."""

    def __init__(self, default: Answer | None = None) -> None:
        super().__init__()
        self.default = default
        """Answer of hosts that nothing was said about."""
        self.answers: dict[str, Answer | None] = {}
        """Host -> what it answers."""

    async def get(self, host: str, path: str = "/") -> Answer | None:
        await self.enter("get", host)
        return self.answers.get(host, self.default)
