"""Time as the emulator has it."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The real time, and what a test added to it."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)
