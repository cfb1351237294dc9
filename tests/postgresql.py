"""A PostgreSQL server of its own for tests, and databases in it; SQLite files by the same interface."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
import uuid
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString, Protocol

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from deploy.local import files, postgresql
from deploy.local.cache import ensure
from tests.patience import PATIENCE_SECONDS

ACCOUNT = "nobody"
"""The server refuses to run as root."""
OPTIONS = ("fsync=off", "full_page_writes=off", "jit=off", "listen_addresses=", "max_connections=50")
"""Its data need not outlive it; only its socket can be reached."""


class Place(Protocol):
    """An empty database for one test."""

    @property
    def url(self) -> str: ...

    def take_away(self) -> None:
        """What happens to a database at the worst moment: from now on nothing can be stored in it."""
        ...

    def give_back(self) -> None:
        """As it was before."""
        ...


@dataclass(frozen=True)
class SqlitePlace:
    file: Path

    @property
    def url(self) -> str:
        return f"sqlite+aiosqlite:///{self.file}"

    def take_away(self) -> None:
        self._rename("deliveries", "away")

    def give_back(self) -> None:
        self._rename("away", "deliveries")

    def _rename(self, old: str, new: str) -> None:
        with closing(sqlite3.connect(self.file)) as other:
            other.execute(f"ALTER TABLE {old} RENAME TO {new}")


@dataclass(frozen=True)
class PostgresPlace:
    server: "PostgresProcess"
    name: str = field(default_factory=lambda: f"test_{uuid.uuid4().hex}")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://catalyst@/{self.name}?host={self.server.sockets}"

    def make(self) -> None:
        self._command("CREATE DATABASE {}")

    def drop(self) -> None:
        self._command("DROP DATABASE {} WITH (FORCE)")

    def take_away(self) -> None:
        self._command("ALTER DATABASE {} ALLOW_CONNECTIONS false")
        self.server.command(
            SQL("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = {}").format(self.name)
        )

    def give_back(self) -> None:
        self._command("ALTER DATABASE {} ALLOW_CONNECTIONS true")

    def _command(self, statement: LiteralString) -> None:
        self.server.command(SQL(statement).format(Identifier(self.name)))


class PostgresProcess:
    """Debian's server, fetched where it is missing; needs root, to run it as somebody else."""

    def __init__(self) -> None:
        # Not pytest's folder, which only root can enter.
        self._folder = Path(tempfile.mkdtemp(prefix="catalyst-postgresql-"))
        self._folder.chmod(0o711)
        self._programs = postgresql.Programs(self._folder / "program")
        self.sockets = self._folder / "data"
        files.place(ensure(postgresql.artifact()), self._programs.folder)
        self.sockets.mkdir(mode=0o700)
        shutil.chown(self.sockets, ACCOUNT)
        self._log = (self._folder / "log").open("w+b")
        assert self._run("initdb", "--username=catalyst", "--auth=trust", "--encoding=UTF8", "--no-sync").wait() == 0
        self._process = self._run("postgres", f"-k{self.sockets}", *(f"-c{option}" for option in OPTIONS))
        self._wait()

    def command(self, statement: SQL | Composed) -> None:
        with psycopg.connect(f"host={self.sockets} user=catalyst dbname=postgres", autocommit=True) as connection:
            connection.execute(statement)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [str(self._programs.path(program)), "-D", str(self.sockets), *arguments]
        environment = os.environ | self._programs.environment()
        said = self._log.fileno()
        return subprocess.Popen(command, env=environment, user=ACCOUNT, extra_groups=[], stdout=said, stderr=said)

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            said = (self._folder / "log").read_text()[-2000:]
            assert self._process.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.05)

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            self.command(SQL("SELECT 1"))
            return True
        return False
