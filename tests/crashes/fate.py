"""Which activity the worker dies at. Lives in the test, which outlives the worker."""

from collections import Counter
from typing import NamedTuple


class KillPoint(NamedTuple):
    """kill -9 once, at the n-th execution of that activity: before it did anything, or after its effect and before its answer."""

    activity: str
    number: int
    """From 1."""
    is_after: bool

    def __str__(self) -> str:
        return f"{'after' if self.is_after else 'before'} {self.activity} {self.number}"


class Fate:
    """Asked by the worker before and after each activity."""

    def __init__(self) -> None:
        self.point: KillPoint | None = None
        """None: nobody dies."""
        self.is_fulfilled = False
        self._seen: Counter[tuple[str, bool]] = Counter()

    def arm(self, point: KillPoint | None) -> None:
        """Count from here."""
        self.point = point
        self._seen.clear()

    async def is_to_die(self, activity: str, is_after: bool) -> bool:
        """Once: the worker that comes after is spared."""
        self._seen[activity, is_after] += 1
        here = KillPoint(activity, self._seen[activity, is_after], is_after)
        if self.is_fulfilled or here != self.point:
            return False
        self.is_fulfilled = True
        return True
