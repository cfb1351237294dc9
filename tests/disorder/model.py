"""What must come of all that happened to one pull request."""

from dataclasses import dataclass, field
from enum import Enum


class End(Enum):
    READY = "Ready"
    FAILED = "Failed"
    STOPPED = "Stopped"
    GONE = "Gone"


@dataclass
class Model:
    sha: str
    is_broken: bool = False
    """Its build fails."""
    is_open: bool = True
    name: str = "shop"
    """Of the repository."""
    may_be_stopped: bool = False
    may_run: bool = True
    """Both: what was wished met something else half way, and either end is right, if it is told truly."""
    colour: str | None = None
    """An override that must be deployed; None: none, or one that may have gone with its environment."""
    was_deleted: bool = False
    """By hand, since all was quiet last: the news of it may come after a `retry`, and then stops what that began."""
    _pushes: int = field(default=0)

    def push(self, is_broken: bool) -> str:
        self._pushes += 1
        self.sha, self.is_broken = f"{self._pushes:x}".rjust(3, "0").ljust(40, "c"), is_broken
        return self.sha

    def close(self) -> None:
        self.is_open, self.colour = False, None
        # The wish ends with the workflow, and that with the close, unless it is reopened before.
        self.may_run = True

    def reopen(self) -> None:
        self.is_open = True

    def end(self) -> None:
        """Nothing is left, nobody remembers a wish."""
        self.may_be_stopped, self.may_run = False, True

    def rename(self, name: str) -> None:
        self.name, self.colour = name, None

    def stop(self) -> None:
        self.may_be_stopped, self.may_run, self.colour = True, False, None

    def retry(self) -> None:
        self.may_be_stopped, self.may_run = self.was_deleted, True

    def settle(self) -> None:
        self.was_deleted = False
        if not self.is_open:
            self.end()

    def delete_by_hand(self, is_settled: bool) -> None:
        """In the middle of something else it may be taken for what was going on."""
        self.may_be_stopped, self.may_run, self.colour = True, self.may_run and not is_settled, None
        self.was_deleted = True

    @property
    def ends(self) -> set[End]:
        if not self.is_open:
            return {End.GONE}
        running = {End.FAILED if self.is_broken else End.READY} if self.may_run else set()
        return running | ({End.STOPPED} if self.may_be_stopped else set())
