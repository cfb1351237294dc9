"""Ways to take one part of the platform away for a while."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

from tests.e2e.machine import Machine
from tests.e2e.world import Platform, until

BACK_SECONDS = 120

Outage = Callable[[Platform, float], AbstractContextManager[None]]


@contextmanager
def program(name: str, platform: Platform, seconds: float) -> Iterator[None]:
    """Stopped while the body runs, and for that many seconds at least."""
    machine = platform.machine
    machine.stop(name)
    began = time.monotonic()
    try:
        yield
        time.sleep(max(0.0, began + seconds - time.monotonic()))
    finally:
        machine.start(name)
    until(lambda: machine.pid(name), BACK_SECONDS, f"{name} runs again", lambda: machine.log_tail(name))


@contextmanager
def database(platform: Platform, seconds: float) -> Iterator[None]:
    """A file can't be stopped: held by somebody else, it refuses everybody as a server that is down does."""
    path = platform.local["database_url"].partition("///")[2]
    began = time.monotonic()
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as held:
        # With a write-ahead log readers go on; writers don't.
        held.execute("BEGIN EXCLUSIVE")
        yield
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        held.execute("ROLLBACK")


def restart_node(machine: Machine) -> None:
    """kubelet and containerd end, and every container with them, as when a machine is switched off."""
    machine.stop("kubelet")
    machine.stop("containerd")
    machine.kill_containers()
    machine.start("containerd")
    machine.start("kubelet")
