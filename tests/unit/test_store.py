"""The database on a real SQLite file and on a real PostgreSQL server."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, event, text, update
from sqlalchemy.exc import StatementError

from activities.protocols import IndexRow
from environments.deletions import MOST_OF_A_NAME, Deletion
from environments.model import EnvironmentKey, EnvironmentUid, NamespaceName, Phase, PullRequestKey
from environments.report import EnvironmentReport
from environments.work import OverrideRequest
from store.audit import DatabaseAudit
from store.database import Database, DatabaseUnavailable, alembic_config, open_database
from store.deliveries import Deliveries
from store.fake import InMemoryAudit, InMemoryIndex
from store.index import DatabaseIndex, Filter
from store.models import Base, DeliveryRow
from store.overrides import DatabaseOverrides
from store.tokens import Tokens
from tests.postgresql import Place, SqlitePlace


@pytest.fixture
async def database(place: Place) -> AsyncIterator[Database]:
    opened = await open_database(place.url)
    yield opened
    await opened.aclose()


# --- opening -----------------------------------------------------------------------------------------------------


async def test_migrations_make_the_tables_that_the_models_describe(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))

    async with database.read() as session:
        assert await (await session.connection()).run_sync(differences) == []


async def test_opening_again_keeps_what_was_stored(place: Place) -> None:
    for expected in (True, False):
        database = await open_database(place.url)
        assert await Deliveries(database).add("gitea", "1", "push", b"{}") is expected
        await database.aclose()


async def test_a_delivery_of_the_version_before_is_still_handed_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_tables_only(connection: Connection) -> None:
        command.upgrade(alembic_config(connection), "0001")
        row = "(1, 'gitea', 'd', 'pull_request', '2026-01-01 00:00:00+00:00', '{}', 'pending', '', 0, NULL)"
        connection.execute(text(f"INSERT INTO deliveries VALUES {row}"))

    with monkeypatch.context() as before:
        before.setattr("store.database._upgrade", first_tables_only)
        await (await open_database(place.url)).aclose()
    database = await open_database(place.url)
    assert [(each.delivery, each.traceparent) for each in await Deliveries(database).pending(10)] == [("d", None)]
    await database.aclose()


async def test_opening_waits_for_no_writer_when_the_tables_are_current(database: Database, place: Place) -> None:
    async with database.write() as session:
        await session.execute(update(DeliveryRow).values(reason="a write that is under way"))
        await (await open_database(place.url)).aclose()


async def test_processes_that_start_at_once_share_one_database(place: Place) -> None:
    program = f"""
import asyncio
from store.database import open_database
async def main():
    await (await open_database({place.url!r})).aclose()
asyncio.run(main())
"""
    started = [await asyncio.create_subprocess_exec(sys.executable, "-c", program) for _ in range(4)]
    assert [await process.wait() for process in started] == [0, 0, 0, 0]


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "deeper").write_text("a file")
    with pytest.raises(DatabaseUnavailable, match="deeper"):
        await open_database(SqlitePlace(tmp_path / "deeper" / "catalyst.db").url)


async def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "catalyst.db").write_text("this is no database at all" * 100)
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        await open_database(SqlitePlace(tmp_path / "deeper" / "catalyst.db").url)


async def test_a_server_that_is_not_there_is_said_without_its_password() -> None:
    with pytest.raises(DatabaseUnavailable, match="CATALYST_DATABASE_URL") as told:
        await open_database("postgresql+psycopg://catalyst:s3cret@127.0.0.1:9/catalyst")
    assert "s3cret" not in str(told.value)


async def test_many_writers_wait_for_each_other(database: Database) -> None:
    deliveries = Deliveries(database)
    added = await asyncio.gather(*(deliveries.add("gitea", str(each % 50), "push", b"{}") for each in range(100)))
    assert sum(added) == 50


async def test_a_moment_without_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="no time zone"):
        async with database.write() as session:
            await session.execute(update(DeliveryRow).values(handed_at=datetime(2026, 1, 1)))


async def test_a_failed_block_stores_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.write() as session:
            await session.execute(text("INSERT INTO audit VALUES (1, '2026-01-01', 'a', 'b', 'c', '{}', '')"))
            raise RuntimeError("half way")
    assert await DatabaseAudit(database).list() == []


# --- deliveries --------------------------------------------------------------------------------------------------


async def test_what_arrives_while_a_write_is_under_way_shares_the_next_one(database: Database) -> None:
    transactions: list[Connection] = []
    event.listen(database._engine.sync_engine, "commit", transactions.append)
    deliveries = Deliveries(database)
    added = await asyncio.gather(*(deliveries.add("gitea", str(each), "push", b"{}") for each in range(100)))
    assert all(added)
    assert len(transactions) <= 2


async def test_a_sender_that_gives_up_takes_no_other_delivery_along(database: Database) -> None:
    deliveries = Deliveries(database)
    async with database.write():
        given_up, *others = [asyncio.create_task(deliveries.add("gitea", str(n), "push", b"{}")) for n in range(3)]
        await asyncio.sleep(0.05)  # the first holds the door and waits for the database
        given_up.cancel()
        await asyncio.wait([given_up])
    assert await asyncio.gather(*others) == [True, True]


async def test_every_sender_is_told_that_the_database_is_down(database: Database, place: Place) -> None:
    place.take_away()
    deliveries = Deliveries(database)
    added = (deliveries.add("gitea", str(each), "push", b"{}") for each in range(3))
    told = await asyncio.gather(*added, return_exceptions=True)
    assert [type(each) for each in told] == [DatabaseUnavailable] * 3


async def test_a_delivery_is_taken_once_per_forge(database: Database) -> None:
    deliveries = Deliveries(database)
    assert await deliveries.add("gitea", "1", "pull_request", b"{}")
    assert not await deliveries.add("gitea", "1", "pull_request", b"{}")
    assert await deliveries.add("github", "1", "pull_request", b"{}")


async def test_pending_ones_come_in_order_until_they_are_handed(database: Database) -> None:
    deliveries = Deliveries(database)
    for each in range(5):
        await deliveries.add("gitea", str(each), "pull_request", b"%d" % each)
    await deliveries.add("gitea", "ignored", "push", b"{}", ignored="a push")
    first, second, *_ = await deliveries.pending(10)
    await deliveries.handed(first.id)
    await deliveries.ignored(second.id, reason="nothing runs")
    assert [each.body for each in await deliveries.pending(2)] == [b"2", b"3"]
    assert [each.body for each in await deliveries.pending(10, after=first.id + 2)] == [b"3", b"4"]
    assert (await deliveries.waiting()).count == 3


async def test_a_failed_attempt_is_counted_and_stays_pending(database: Database) -> None:
    deliveries = Deliveries(database)
    await deliveries.add("gitea", "1", "pull_request", b"{}")
    for _ in range(2):
        [waiting] = await deliveries.pending(1)
        await deliveries.failed(waiting.id, "Temporal doesn't answer")
    assert [each.attempts for each in await deliveries.pending(1)] == [2]


async def test_housekeeping_drops_what_is_old_and_done(database: Database) -> None:
    deliveries = Deliveries(database)
    for each in ("old and done", "old and waiting", "new and done"):
        await deliveries.add("gitea", each, "pull_request", b"{}")
    done, waiting, fresh = await deliveries.pending(3)
    await deliveries.handed(done.id)
    await deliveries.handed(fresh.id)
    long_ago = datetime.now(UTC) - timedelta(days=8)
    async with database.write() as session:
        old = DeliveryRow.id.in_([done.id, waiting.id])
        await session.execute(update(DeliveryRow).where(old).values(received_at=long_ago))
    assert await deliveries.drop_older_than(timedelta(days=7)) == 1
    assert [each.delivery for each in await deliveries.pending(3)] == ["old and waiting"]
    assert not await deliveries.add("gitea", "new and done", "pull_request", b"{}")


async def test_a_database_that_went_away_is_said(database: Database, place: Place) -> None:
    place.take_away()
    with pytest.raises(DatabaseUnavailable, match="CATALYST_DATABASE_URL"):
        await Deliveries(database).add("gitea", "1", "push", b"{}")


# --- index -------------------------------------------------------------------------------------------------------


def row(phase: Phase = Phase.READY, *, uid: str = "u1", at: int = 0, number: int = 7, team: str = "ada") -> IndexRow:
    report = EnvironmentReport(uid=uid, phase=phase, updated_at=datetime(2026, 1, 1, 0, at, tzinfo=UTC))
    return IndexRow(
        namespace=f"{team}-shop-pr-{number}",
        uid=uid,
        team=team,
        project="shop",
        environment=f"pr-{number}",
        pull_request=PullRequestKey(forge="gitea", repository_id=1, number=number),
        report=report.model_dump(mode="json"),
    )


@pytest.fixture(params=["database", "fake"])
def index(request: pytest.FixtureRequest, database: Database) -> DatabaseIndex | InMemoryIndex:
    return DatabaseIndex(database) if request.param == "database" else InMemoryIndex()


async def phase_of(index: DatabaseIndex | InMemoryIndex) -> str | None:
    found = await index.get("ada-shop-pr-7")
    return found.report["phase"] if found else None


async def test_a_row_is_rewritten(index: DatabaseIndex | InMemoryIndex) -> None:
    await index.put(row(Phase.BUILDING))
    assert await index.get("ada-shop-pr-7") == row(Phase.BUILDING)
    await index.put(row(Phase.READY, at=1))
    assert await phase_of(index) == "Ready"


async def test_the_newest_of_reports_at_once_wins(index: DatabaseIndex | InMemoryIndex) -> None:
    await asyncio.gather(*(index.put(row(Phase.BUILDING, at=at)) for at in range(5)), index.put(row(at=9)))
    assert await phase_of(index) == "Ready"


async def test_an_older_report_changes_nothing(index: DatabaseIndex | InMemoryIndex) -> None:
    await index.put(row(Phase.READY, at=1))
    await index.put(row(Phase.BUILDING, at=0))
    assert await phase_of(index) == "Ready"


async def test_what_is_deleted_stays_so(index: DatabaseIndex | InMemoryIndex) -> None:
    await index.put(row())
    await index.remove("ada-shop-pr-7", "u1")
    await index.put(row(at=5))
    await index.remove("unknown", "u1")
    assert await phase_of(index) == "Deleted"


async def test_the_next_environment_of_that_name_is_another(index: DatabaseIndex | InMemoryIndex) -> None:
    await index.put(row())
    await index.remove("ada-shop-pr-7", "u1")
    await index.put(row(Phase.PENDING, uid="u2"))
    await index.remove("ada-shop-pr-7", "u1")
    assert await phase_of(index) == "Pending"


async def test_lists_are_narrowed(database: Database) -> None:
    index = DatabaseIndex(database)
    for each in (row(number=1), row(number=2, team="bob"), row(Phase.FAILED, number=2), row(number=3)):
        await index.put(each)
    await index.remove("ada-shop-pr-3", "u1")

    async def found(narrow: Filter) -> list[str]:
        return sorted(each.namespace for each in await index.list(narrow))

    assert await found(Filter()) == ["ada-shop-pr-1", "ada-shop-pr-2", "bob-shop-pr-2"]
    assert await found(Filter(team="bob")) == ["bob-shop-pr-2"]
    assert await found(Filter(pull_request=2, team="ada")) == ["ada-shop-pr-2"]
    assert await found(Filter(phase=Phase.DELETED)) == ["ada-shop-pr-3"]
    assert await found(Filter(project="other")) == []


async def test_environments_long_gone_are_forgotten(database: Database) -> None:
    index = DatabaseIndex(database)
    await index.put(row(number=1))
    await index.put(row(number=2))
    await index.remove("ada-shop-pr-1", "u1")
    assert await index.drop_deleted_before(datetime.now(UTC) - timedelta(days=1)) == 0
    assert await index.drop_deleted_before(datetime.now(UTC) + timedelta(days=1)) == 1
    assert [each.namespace for each in await index.list()] == ["ada-shop-pr-2"]


# --- tokens, audit, overrides ------------------------------------------------------------------------------------


async def test_a_token_is_known_by_its_hash_only(database: Database) -> None:
    tokens = Tokens(database)
    token = await tokens.create("ci")
    assert await tokens.name_of(token) == "ci"
    assert await tokens.name_of(token + "x") is None
    async with database.read() as session:
        [stored] = (await session.execute(text("SELECT * FROM api_tokens"))).mappings()
    assert token not in str(dict(stored))
    assert stored["last_used_at"] is not None


async def test_a_changed_bootstrap_token_replaces_the_old_one(database: Database) -> None:
    tokens = Tokens(database)
    for token in ("old", "new", "new"):
        await tokens.ensure("bootstrap", token)
    assert await tokens.name_of("old") is None
    assert await tokens.name_of("new") == "bootstrap"


async def test_processes_at_once_make_a_token_known_once(database: Database) -> None:
    tokens = Tokens(database)
    await asyncio.gather(*(tokens.ensure("bootstrap", "new") for _ in range(5)))
    assert await tokens.name_of("new") == "bootstrap"


@pytest.fixture(params=["database", "fake"])
def audit(request: pytest.FixtureRequest, database: Database) -> DatabaseAudit | InMemoryAudit:
    return DatabaseAudit(database) if request.param == "database" else InMemoryAudit()


async def test_what_was_asked_is_recorded_before_its_answer(audit: DatabaseAudit | InMemoryAudit) -> None:
    entry = await audit.begin("ci", "retry", "ada-shop-pr-7", {"reason": "flaky"})
    assert [each.outcome for each in await audit.list()] == [""]
    await audit.conclude(entry, "accepted")
    await audit.record("ci", "stop", "other", {})
    [found] = await audit.list("ada-shop-pr-7")
    assert (found.who, found.action, found.detail, found.outcome) == ("ci", "retry", {"reason": "flaky"}, "accepted")


async def test_who_deleted_a_resource_is_known_by_its_uid(audit: DatabaseAudit | InMemoryAudit) -> None:
    key = EnvironmentKey(namespace=NamespaceName("ada-shop"), name="pr-7")
    for uid, by in (("first", "bob"), ("second", "refused"), ("second", "alice"), ("third", "carol")):
        await audit.note_deletion(Deletion(key=key, uid=EnvironmentUid(uid), by=by))
    await audit.record("dora", "override", "ada-shop/pr-7", {"uid": "second"})
    assert await audit.deleter(key, EnvironmentUid("second")) == "alice"
    assert await audit.deleter(key, EnvironmentUid("fourth")) == ""
    other = key.model_copy(update={"name": "pr-8"})
    assert await audit.deleter(other, EnvironmentUid("second")) == ""


async def test_a_deletion_is_noted_however_long_the_names_are(audit: DatabaseAudit | InMemoryAudit) -> None:
    key = EnvironmentKey(namespace=NamespaceName("a" * 63), name="b" * 253)
    await audit.note_deletion(Deletion(key=key, uid=EnvironmentUid("u"), by="c" * MOST_OF_A_NAME))
    assert await audit.deleter(key, EnvironmentUid("u")) == "c" * MOST_OF_A_NAME


async def test_the_newest_entries_come_first(audit: DatabaseAudit | InMemoryAudit) -> None:
    for number in range(3):
        await audit.record("ci", f"act-{number}", "ada-shop-pr-7", {})
    assert [each.action for each in await audit.list(limit=2)] == ["act-2", "act-1"]
    assert await audit.list("nobody") == []


async def test_an_override_keeps_names_of_variables_but_not_their_values(database: Database) -> None:
    overrides = DatabaseOverrides(database)
    await overrides.record("ada-shop-pr-7", OverrideRequest(by="ci", port=3000, env={"KEY": "secret"}))
    [kept] = await overrides.list("ada-shop-pr-7")
    assert (kept.who, kept.what) == ("ci", {"port": 3000, "env": ["KEY"], "scope": "project"})
