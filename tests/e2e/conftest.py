"""The running platform for each test. Tests run beside each other; one that breaks something on purpose runs alone."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.world import Platform, until
from tests.missing import missing
from tests.patience import PATIENCE_SECONDS

LOCAL = Path(__file__).parents[2] / ".catalyst" / "local.json"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m alone` and `-m "not alone"`: waiting for each other in one run would leave processes idle."""
    for item in items:
        if "platform_alone" in getattr(item, "fixturenames", ()):
            item.add_marker("alone")


@pytest.fixture
def platform() -> Iterator[Platform]:
    with _platform(fcntl.LOCK_SH) as running:
        yield running


@pytest.fixture
def platform_alone() -> Iterator[Platform]:
    """For tests that kill or stop programs of the platform: no other test runs meanwhile, in any process."""
    with _platform(fcntl.LOCK_EX) as running:
        yield running


@contextmanager
def _platform(how: int) -> Iterator[Platform]:
    if not LOCAL.exists():
        missing("No platform runs: start it with `make up`")
    local = json.loads(LOCAL.read_text())
    with Path(local["state"], "e2e.lock").open("w") as lock:
        fcntl.flock(lock, how)
        running = Platform(local)
        if running.machine.pid("api") is None:  # a run that was cut off while it kept the API stopped
            running.machine.start("api")
        try:
            until(running.is_answering, PATIENCE_SECONDS, "the API is ready", lambda: running.machine.log_tail("api"))
            yield running
        finally:
            running.tidy_up()
