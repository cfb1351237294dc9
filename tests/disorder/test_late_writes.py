"""What wakes up after Temporal has given it up writes nothing. test_any_order found the first; the others are its like."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.client import Client

from environments import labels
from environments.model import Phase
from tests.disorder.world import DisorderlyWorld
from tests.workflows.world import A, B


@pytest_asyncio.fixture
async def world(steady_client: Client, tmp_path: Path) -> AsyncIterator[DisorderlyWorld]:
    world = DisorderlyWorld(steady_client, tmp_path, A)
    await world.start_worker()
    await world.hear("new_commit")
    await world.preview.becomes(Phase.READY, A)
    await world.preview.comment_says("Ready")
    yield world
    await world.zombies.wake()
    await world.end()


async def test_an_old_report_does_not_overwrite_a_newer_comment(world: DisorderlyWorld) -> None:
    world.zombies.put_to_sleep("report")
    await world.preview.push(B)
    await world.preview.comment_says(B[:7])
    await world.until(lambda: "Ready" in world.preview.comment, "the comment says Ready")
    assert world.zombies.sleeping("report")
    await world.zombies.wake()
    assert "Ready" in world.preview.comment and B[:7] in world.preview.comment


async def test_an_old_status_does_not_overwrite_a_newer_one(world: DisorderlyWorld) -> None:
    world.zombies.put_to_sleep("publish")
    await world.preview.push(B)
    await world.preview.becomes(Phase.READY, B)
    assert world.zombies.sleeping("publish")
    await world.zombies.wake()
    assert world.preview.resource is not None
    assert (world.preview.resource["status"]["phase"], world.preview.resource["status"]["sha"]) == ("Ready", B)


async def test_an_old_removal_does_not_remove_what_was_made_since(world: DisorderlyWorld) -> None:
    world.zombies.put_to_sleep("remove")
    await world.preview.close()
    await world.preview.is_over()
    await world.preview.reopen()
    await world.preview.becomes(Phase.READY, A)
    await world.zombies.wake()
    assert world.preview.resource is not None and "deletionTimestamp" not in world.preview.resource["metadata"]


async def test_an_old_release_does_not_let_go_of_what_is_still_being_torn_down(world: DisorderlyWorld) -> None:
    world.zombies.put_to_sleep("release")
    await world.preview.close()
    await world.preview.is_over()
    await world.preview.reopen()
    await world.preview.becomes(Phase.READY, A)
    world.cluster.hang_namespaces = True
    await world.preview.close()
    await world.until(lambda: (world.preview.namespace_object or {})["metadata"].get("deletionTimestamp"), "deleting")
    await world.zombies.wake()
    resource = world.preview.resource
    assert resource is not None and labels.FINALIZER in resource["metadata"]["finalizers"]
    world.cluster.hang_namespaces = False
    await world.preview.is_over()


async def test_an_old_deploy_writes_nothing_though_the_newer_rollout_has_not_begun(world: DisorderlyWorld) -> None:
    world.zombies.put_to_sleep("deploy")
    await world.preview.push(B)
    await world.until(lambda: world.zombies.sleeping("deploy"), "the deploy sleeps")
    world.cluster.admission = None  # the fence is not what stops it
    world.zombies.put_to_sleep("prepare")
    world.preview.push_unheard("c" * 40)
    await world.hear("new_commit")
    await world.until(lambda: world.zombies.sleeping("prepare"), "the newer rollout sleeps before its first write")
    await world.zombies.wake("deploy")
    running = world.witness.running_images(world.preview.namespace)
    assert not any(world.registry.tags[f"{world.preview.namespace}/web"][B] in image for image in running)
    await world.preview.becomes(Phase.READY, "c" * 40)
