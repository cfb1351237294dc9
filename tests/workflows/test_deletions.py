"""Whoever deletes an Environment resource by hand is named on its pull request, when the API server has said who it was."""

import asyncio

import pytest

from activities.protocols import ObjectRef
from environments.deletions import Deletion
from environments.model import EnvironmentKey, EnvironmentUid, Phase
from environments.work import Request
from store.database import DatabaseUnavailable
from tests.workflows.world import A, Preview, World
from workflows.pull_request import PullRequestWorkflow

NOBODY = "Stopped by somebody who deleted its Environment resource. Retry starts it again."
ALICE = "Stopped by the Kubernetes user `alice`, who deleted its Environment resource. Retry starts it again."


async def ready(world: World) -> Preview:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    return preview


async def noted(preview: Preview, name: str, uid: str | None = None) -> None:
    """The API server tells us before it deletes something, or before somebody else refuses it."""
    assert preview.resource is not None
    of = EnvironmentUid(uid or preview.resource["metadata"]["uid"])
    await preview.world.audit.note_deletion(Deletion(key=preview.environment, uid=of, by=name))


async def deleted_by(preview: Preview, name: str, uid: str | None = None) -> None:
    """With kubectl."""
    key = preview.environment
    await noted(preview, name, uid)
    await preview.world.cluster.delete(ObjectRef(preview.kubernetes("Environment"), key.namespace, key.name))


async def test_whoever_deleted_the_resource_is_named_until_it_is_back(world: World) -> None:
    preview = await ready(world)
    await deleted_by(preview, "alice")
    await preview.is_gone()
    await preview.comment_says(ALICE)
    await preview.pull_request_workflow.signal(PullRequestWorkflow.retry, Request(by="bob"))
    await preview.becomes(Phase.READY, A)
    await world.until(lambda: "alice" not in preview.comment, "the comment speaks of the new one")
    assert preview.report.deleted_by == ""


async def test_whoever_deleted_an_earlier_resource_of_that_name_is_not_named(world: World) -> None:
    preview = await ready(world)
    await deleted_by(preview, "alice", uid="an earlier one's")
    await preview.is_gone()
    await preview.comment_says(NOBODY)


async def test_whoever_was_refused_is_not_named_when_the_pull_request_closes(world: World) -> None:
    preview = await ready(world)
    await noted(preview, "alice")
    await preview.close()
    await preview.is_over()
    await preview.comment_says("Closed.")
    assert "alice" not in preview.comment


async def test_a_database_that_is_down_holds_up_no_teardown(world: World) -> None:
    preview = await ready(world)
    world.audit.fails = DatabaseUnavailable("The database doesn't answer.")
    await deleted_by(preview, "alice")
    await preview.is_gone()
    await preview.comment_says(NOBODY)


async def test_a_database_that_hangs_holds_up_no_teardown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(key: EnvironmentKey, uid: EnvironmentUid) -> str:
        await asyncio.Event().wait()
        return "nobody"

    monkeypatch.setattr(world.audit, "deleter", hang)
    preview = await ready(world)
    await deleted_by(preview, "alice")
    await preview.is_gone()
    await preview.comment_says(NOBODY)
