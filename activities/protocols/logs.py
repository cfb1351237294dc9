"""The log store."""

from contextlib import AbstractContextManager
from typing import Protocol


class LogWriter(Protocol):
    """One log while it is written. Never raises for a full log: it notes the cut and drops the rest."""

    def write(self, data: bytes) -> None: ...


class Logs(Protocol):
    """The log store: one text per id, bounded, readable while it grows, kept after the environment is gone."""

    def open(self, log_id: str) -> AbstractContextManager[LogWriter]:
        """Begin the log anew (an attempt that runs twice doesn't append)."""
        ...

    def tail(self, log_id: str, lines: int) -> str:
        """The last lines without ANSI codes; empty when there is no such log."""
        ...
