"""The database: SQLite on a file, or another one by URL. Opening it brings its tables up to date."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from activities.protocols import GatewayError

BUSY_MILLISECONDS = 10_000
"""How long one process waits for another's write; ours take milliseconds, a migration perhaps seconds."""
CONNECT_SECONDS = 10
"""To a PostgreSQL server; libpq would wait for as long as TCP does."""
MIGRATION_LOCK = 0x0CA7A1
"""PostgreSQL's advisory lock while tables are brought up to date; any number that nobody else uses."""


class DatabaseUnavailable(GatewayError):
    """The database can't be reached, is full, or locked for too long. May work later."""


class Database:
    """Sessions on one database. Every method raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._read = async_sessionmaker(engine, expire_on_commit=False)
        self._write = async_sessionmaker(engine.execution_options(writes=True), expire_on_commit=False)
        # SQLite has one writer: queueing here is fair, its own waiting (between processes) is polling with growing sleeps.
        self._turn = asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        with_place = self._engine.url.render_as_string(hide_password=True)
        try:
            async with self._read() as session:
                yield session
        except Exception as error:
            raise _translated(error, with_place) from error

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """One transaction, committed at the end of the block."""
        with_place = self._engine.url.render_as_string(hide_password=True)
        try:
            async with self._turn, self._write.begin() as session:
                yield session
        except Exception as error:
            raise _translated(error, with_place) from error

    async def aclose(self) -> None:
        await self._engine.dispose()


async def open_database(url: str) -> Database:
    """Connect and bring the tables up to date; several processes may do so at once. Raises DatabaseUnavailable.

    `url`: SQLAlchemy's, with an asynchronous driver; the folder of an SQLite file is made.
    """
    engine = _engine(url)
    database = Database(engine)
    try:
        # Asked first, because whoever upgrades keeps every other process from writing while Alembic looks around.
        async with _first_alone(engine), database.read() as session:
            is_current = await (await session.connection()).run_sync(_is_current)
        if not is_current:
            async with database.write() as session:
                await (await session.connection()).run_sync(_upgrade)
    except BaseException:
        await database.aclose()
        raise
    return database


def _engine(url: str) -> AsyncEngine:
    place = make_url(url)
    if place.get_backend_name() == "postgresql":
        # Before what the URL says, so that an operator may say otherwise.
        place = place.set(query={"connect_timeout": str(CONNECT_SECONDS), **place.query})
    engine = create_async_engine(place, pool_pre_ping=place.get_backend_name() != "sqlite")
    if place.get_backend_name() == "sqlite":
        _make_folder(place.database)
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


@asynccontextmanager
async def _first_alone(engine: AsyncEngine) -> AsyncIterator[None]:
    """One process at a time makes an SQLite file a write-ahead one: for that alone SQLite waits for nobody, whatever busy_timeout
    says. Later connections only find it so."""
    file = engine.url.database
    if engine.dialect.name != "sqlite" or not file or file == ":memory:":
        yield
        return
    try:
        folder = os.open(Path(file).parent, os.O_RDONLY)
    except OSError as error:
        raise DatabaseUnavailable(f"The database's folder {Path(file).parent} can't be read: {error}.") from error
    try:
        await asyncio.to_thread(fcntl.flock, folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _make_folder(file: str | None) -> None:
    if file and file != ":memory:":
        try:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseUnavailable(f"The database's folder {Path(file).parent} can't be made: {error}.") from error


def _set_up_sqlite(connection: Any, record: object) -> None:
    # The driver's own BEGIN comes late and not at all before DDL: we say it ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # A killed process loses nothing this way; what a power cut may lose of the last moments, Reconcile finds again.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns writer is refused at once when another wrote meanwhile, whatever busy_timeout says: writers say
    # so from the start. Readers read one statement each, which needs no transaction.
    if connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _is_current(connection: Connection) -> bool:
    heads = ScriptDirectory.from_config(alembic_config(connection)).get_heads()
    return MigrationContext.configure(connection).get_current_heads() == tuple(heads)


def _upgrade(connection: Connection) -> None:
    """In one transaction, which is also the lock between processes that start at once."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _translated(error: Exception, place: str) -> Exception:
    """Ours for what time or an operator mends; a violated constraint or a mistake in a statement stays what it is."""
    if isinstance(error, (IntegrityError, ProgrammingError, DataError)):
        return error
    if isinstance(error, (DBAPIError, PoolTimeout, OSError)):
        cause = error.orig if isinstance(error, DBAPIError) else error
        return DatabaseUnavailable(f"The database {place} doesn't answer: {cause}. See CATALYST_DATABASE_URL.")
    return error
