"""Which platform runs on this machine: a record outside every checkout, because there is one platform per machine."""

import json
import os
import time
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from deploy.local import supervisor

RECORD = Path("/run/catalyst/platform.json")


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


def read() -> Running | None:
    """None when nothing was recorded since the machine started."""
    try:
        return Running(**json.loads(RECORD.read_text()))
    except FileNotFoundError:
        return None


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
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + ":" + ticks
