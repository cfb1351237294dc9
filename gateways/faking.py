"""What the in-memory gateways have in common: tests make calls fail, hang or take their time."""

import asyncio
from collections import defaultdict, deque


class Controls:
    """Base of the fakes. `calls` notes every call in order: the operation and what it was about."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.delay = 0.0
        """Seconds that each call takes."""
        self.hangs: set[str] = set()
        """Operations that don't come back until they are cancelled or taken out of here."""
        self.cancelled: list[tuple[str, str]] = []
        """Calls that were cancelled while they hung or waited."""
        self._failures: dict[str, deque[Exception]] = defaultdict(deque)

    def fail_next(self, operation: str, error: Exception, times: int = 1) -> None:
        """The next calls of that operation raise the error and change nothing."""
        self._failures[operation].extend([error] * times)

    def heal(self) -> None:
        """Forget the failures that are still to come, and let go what hangs."""
        self._failures.clear()
        self.hangs.clear()

    async def enter(self, operation: str, subject: str) -> None:
        """First line of every operation of a fake."""
        self.calls.append((operation, subject))
        try:
            await asyncio.sleep(self.delay)
            while operation in self.hangs:
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.cancelled.append((operation, subject))
            raise
        if self._failures[operation]:
            raise self._failures[operation].popleft()
