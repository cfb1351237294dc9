"""For every test."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

# Imported before anything runs: the plugin would import it at the end otherwise, where Python 3.11 can fail with
# "AST constructor recursion depth mismatch" when garbage collection runs while pytest rewrites its assertions.
import hypothesis
import pytest

from tests.missing import missing
from tests.postgresql import Place, PostgresPlace, PostgresProcess, SqlitePlace

# Machines are shared: how long one example takes says nothing.
hypothesis.settings.register_profile("shared-machine", deadline=None)
hypothesis.settings.load_profile("shared-machine")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresProcess]:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        missing("No PostgreSQL: not root on a Debian, whose packages bring its server")
    process = PostgresProcess()
    yield process
    process.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty database for one test, on either kind."""
    if request.param == "sqlite":
        yield SqlitePlace(tmp_path / "deeper" / "catalyst.db")
        return
    made = PostgresPlace(request.getfixturevalue("postgres"))
    made.make()
    yield made
    made.drop()
