"""Contract of activities.protocols.Owners: on the fake, and on real workflows."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from activities.protocols import OwnerGone, OwnerRefused, Owners
from environments.model import EnvironmentKey, NamespaceName, PullRequestKey
from environments.names import environment_workflow_id, pull_request_workflow_id
from environments.work import Request
from gateways.temporal.fake import InMemoryOwners, Told
from tests.workflows.world import Preview, World

UNKNOWN = PullRequestKey(forge="gitea", repository_id=10**15, number=1)
NOWHERE = EnvironmentKey(namespace=NamespaceName("no-such"), name="pr-1")
BY = Request(by="alice")


@pytest.fixture(params=["fake", "real"])
def owners(request: pytest.FixtureRequest, world: World) -> Owners:
    return InMemoryOwners() if request.param == "fake" else world.owners


@pytest_asyncio.fixture
async def preview(owners: Owners, world: World) -> AsyncIterator[Preview]:
    preview = world.opened_unheard()
    world.source.hangs.add("checkout")
    assert await owners.wake_pull_request(preview.key, "new_commit", BY, may_start=True)
    yield preview
    world.source.heal()


async def test_who_may_not_start_does_not(owners: Owners) -> None:
    assert not await owners.wake_pull_request(UNKNOWN, "close", BY, may_start=False)
    assert not await owners.runs(pull_request_workflow_id(UNKNOWN))


async def test_starting_and_signalling_one_that_runs(owners: Owners, preview: Preview) -> None:
    assert await owners.runs(pull_request_workflow_id(preview.key))
    assert await owners.wake_pull_request(preview.key, "look", BY, may_start=False)
    assert await owners.wake_pull_request(preview.key, "look", BY, may_start=True)


async def test_an_environment_is_woken(owners: Owners, world: World) -> None:
    workflow_id = environment_workflow_id(NOWHERE)
    assert not await owners.runs(workflow_id)
    await owners.wake_environment(NOWHERE)
    if isinstance(owners, InMemoryOwners):
        assert owners.told == [Told(workflow_id, "look", None)]
    else:  # it sees that there is nothing, and may have ended by now
        assert (await world.client.get_workflow_handle(workflow_id).describe()).workflow_type == "EnvironmentWorkflow"


async def test_asking_nobody_is_gone(owners: Owners) -> None:
    with pytest.raises(OwnerGone):
        await owners.ask_pull_request(UNKNOWN, "retry", BY)
    with pytest.raises(OwnerGone):
        await owners.ask_environment(EnvironmentKey(namespace=NamespaceName("none"), name="pr-9"), "retry", BY)


async def test_an_update_is_answered_or_refused_with_a_sentence(owners: Owners, preview: Preview) -> None:
    assert (await owners.ask_pull_request(preview.key, "close", BY)).endswith(".")
    if isinstance(owners, InMemoryOwners):
        owners.refusals["close"] = "It is stopped already, by alice."
    with pytest.raises(OwnerRefused, match="stopped already, by alice"):
        await owners.ask_pull_request(preview.key, "close", BY)
