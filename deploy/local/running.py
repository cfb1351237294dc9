"""Which platform runs on this machine: a record outside every checkout, because there is one platform per machine."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from deploy.local import supervisor

RECORD = Path("/run/catalyst/platform.json")
LOCK = RECORD.with_name("lock")


@dataclass(frozen=True)
class Running:
    """What one `up` started; the record may outlive the process."""

    pid: int
    """Of the process that owns everything."""
    pid_started: str
    """The kernel's word for when that process began: a pid alone may be somebody else's by now."""
    checkout: str
    profile: str
    state: str
    started: float
    """Seconds since the epoch."""
    kernel_settings: dict[str, str]
    """Those that `up` changed, with their values before."""

    @property
    def is_alive(self) -> bool:
        return supervisor.is_running(self.pid) and self.pid_started == birth(self.pid)


class Action(Enum):
    START = "start"
    """Nothing runs, or what did is dead: clean its network up and start."""
    KEEP = "keep"
    """It is ours: bring it up to date where it stands."""
    REPLACE = "replace"
    """Another checkout's, another profile's, or its state is to be wiped: stop it, then start."""


def decide(running: Running | None, is_alive: bool, wanted: tuple[str, str, str], fresh: bool) -> Action:
    """`wanted`: checkout, profile and state of this `up`; `fresh`: its state is to be wiped first."""
    if running is None or not is_alive:
        return Action.START
    is_ours = (running.checkout, running.profile, running.state) == wanted
    return Action.KEEP if is_ours and not fresh else Action.REPLACE


@contextmanager
def alone(waiting: Callable[[], None]) -> Iterator[None]:
    """One `up`, `down` or `purge` at a time on this machine; `waiting` is called when another one must end first."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    # Not handed on to what `up` starts, or the lock would be held for as long as the platform runs.
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read() -> Running | None:
    """None when nothing was recorded since the machine started."""
    try:
        found = Running(**json.loads(RECORD.read_text()))
    except FileNotFoundError:
        return None
    # Of an earlier boot: neither its process nor the kernel settings that it changed are there any more.
    return found if found.pid_started.startswith(_boot()) else None


def record(pid: int, checkout: Path, profile: str, state: Path, kernel_settings: dict[str, str]) -> Running:
    running = Running(pid, birth(pid), str(checkout), profile, str(state), time.time(), kernel_settings)
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    partial = RECORD.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(running)))
    os.replace(partial, RECORD)
    return running


def forget() -> None:
    RECORD.unlink(missing_ok=True)


def birth(pid: int) -> str:
    """Boot and clock tick at which the process began; empty when there is none."""
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
    return f"{_boot()}:{ticks}"


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
