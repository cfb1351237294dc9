"""PullRequestWorkflow on a real Temporal server: from opened to closed and gone."""

import pytest
from temporalio.client import WorkflowUpdateFailedError

from activities.protocols import GatewayError
from environments.work import Request
from gateways.cluster.fake import InMemoryCluster
from gateways.forge.fake import InMemoryForge
from tests.workflows.driver import PullRequestDriver
from workflows.pull_request import PullRequestWorkflow


async def test_opened_pushed_and_closed(preview: PullRequestDriver, forge: InMemoryForge) -> None:
    key = forge.open_pull_request(forge.create_repository("team", "shop"), "a" * 40)
    await preview.start(key)
    await preview.until(lambda: preview.declared_commits() == ["a" * 40])

    forge.push(key, "b" * 40)
    await preview.hint()
    await preview.until(lambda: preview.declared_commits() == ["b" * 40])

    forge.close(key)
    await preview.hint()
    await preview.until(preview.is_being_removed)
    assert await preview.is_running()

    await preview.finish_teardown()
    assert (await preview.result()).message.reason == "Closed"
    assert preview.environments() == []


async def test_closed_before_opened_was_handled(preview: PullRequestDriver, forge: InMemoryForge) -> None:
    key = forge.open_pull_request(forge.create_repository("team", "shop"), "a" * 40)
    forge.close(key)
    await preview.start(key)
    assert (await preview.result()).message.reason == "Closed"
    assert preview.environments() == []


async def test_reopened_during_teardown_goes_on_with_a_new_environment(
    preview: PullRequestDriver, forge: InMemoryForge
) -> None:
    key = forge.open_pull_request(forge.create_repository("team", "shop"), "a" * 40)
    await preview.start(key)
    await preview.until(preview.declared_commits)
    [before] = preview.environments()
    forge.close(key)
    await preview.hint()
    await preview.until(preview.is_being_removed)

    forge.reopen(key)
    await preview.hint()
    await preview.message_is("BeingRemoved")
    await preview.finish_teardown()
    await preview.until(lambda: preview.environments() and not preview.is_being_removed())
    assert preview.environments()[0]["metadata"]["uid"] != before["metadata"]["uid"]
    assert await preview.is_running()


async def test_a_webhooks_close_is_only_a_hint(preview: PullRequestDriver, forge: InMemoryForge) -> None:
    key = forge.open_pull_request(forge.create_repository("team", "shop"), "a" * 40)
    await preview.start(key)
    await preview.until(preview.declared_commits)
    await preview.handle.signal(PullRequestWorkflow.close, Request(delivery="redelivered"))
    forge.push(key, "b" * 40)
    await preview.hint()
    await preview.until(lambda: preview.declared_commits() == ["b" * 40])
    assert not preview.is_being_removed()


async def test_a_person_closes_and_retries(preview: PullRequestDriver, forge: InMemoryForge) -> None:
    key = forge.open_pull_request(forge.create_repository("team", "shop"), "a" * 40)
    await preview.start(key)
    await preview.until(preview.declared_commits)

    await preview.handle.execute_update(PullRequestWorkflow.close_now, Request(by="alice", reason="too expensive"))
    await preview.until(preview.is_being_removed)
    await preview.finish_teardown()
    await preview.message_is("Stopped")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await preview.handle.execute_update(PullRequestWorkflow.close_now, Request(by="bob"))
    assert "already, by alice" in str(refused.value.cause)

    await preview.handle.execute_update(PullRequestWorkflow.retry_now, Request(by="bob"))
    await preview.until(preview.declared_commits)
    assert preview.environments()[0]["spec"]["retry"] == 1


async def test_a_signal_typed_by_hand_is_understood(preview: PullRequestDriver, forge: InMemoryForge) -> None:
    key = forge.open_pull_request(forge.create_repository("team", "shop"), "a" * 40)
    await preview.start(key)
    await preview.until(preview.declared_commits)
    await preview.handle.signal("close", {"by": "carol", "whatever": 1})
    await preview.until(preview.is_being_removed)


async def test_a_namespace_that_someone_else_owns_is_refused(
    preview: PullRequestDriver, forge: InMemoryForge, cluster: InMemoryCluster
) -> None:
    theirs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-shop", "labels": {"app": "theirs"}}}
    await cluster.create(theirs)
    key = forge.open_pull_request(forge.create_repository("team", "shop"), "a" * 40)
    await preview.start(key)
    await preview.message_is("NamespaceHeld")
    message = (await preview.snapshot()).message
    assert message is not None
    assert "team-shop belongs to" in message.text
    assert preview.environments() == []


async def test_closing_removes_what_a_lost_answer_left_behind(
    preview: PullRequestDriver, forge: InMemoryForge, cluster: InMemoryCluster
) -> None:
    """The resource was written, its answer never came: closing must find it all the same."""
    key = forge.open_pull_request(forge.create_repository("team", "shop"), "a" * 40)
    cluster_apply = cluster.apply

    async def apply_and_lose_the_answer(*args: object, **kwargs: object) -> object:
        await cluster_apply(*args, **kwargs)  # type: ignore[arg-type]
        forge.close(key)
        raise GatewayError("The connection broke.")

    cluster.apply = apply_and_lose_the_answer  # type: ignore[method-assign,assignment]
    await preview.start(key, skip_time=True)
    await preview.until(preview.is_being_removed)
    await preview.finish_teardown()
    assert (await preview.result()).message.reason == "Closed"


async def test_a_forge_that_is_down_ends_nothing(preview: PullRequestDriver, forge: InMemoryForge) -> None:
    key = forge.open_pull_request(forge.create_repository("team", "shop"), "a" * 40)
    forge.fail_next("pull_request", GatewayError("The forge doesn't answer."), times=5)
    await preview.start(key, skip_time=True)
    await preview.until(preview.declared_commits)
