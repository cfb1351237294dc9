"""Commits made in an environment come to the pull request's branch, asked for by the API or in the terminal."""

import re
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from activities.protocols import PushRefused, SidecarGone
from environments.model import Phase
from environments.work import PushRequest
from tests.workflows.world import NODE, A, B, C, Preview, World


async def living(world: World) -> Preview:
    preview = await world.open(NODE)
    await preview.becomes(Phase.READY, A)
    for sha in (B, C):
        world.source.push(preview.repository.id, sha, NODE)
    return preview


async def asked(preview: Preview, **fields: Any) -> str:
    request = PushRequest(by="ada", **fields)
    return str(await preview.pull_request_workflow.execute_update("push", request, result_type=str))


async def refused(preview: Preview, **fields: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as error:
        await asked(preview, **fields)
    return str(error.value.cause)


def head(preview: Preview) -> str:
    place = preview.key.repository_id, preview.key.number
    return str(preview.world.forge._pull_requests[place].head_sha)


async def test_what_was_committed_is_pushed_and_comes_back_without_a_restart(world: World) -> None:
    preview = await living(world)
    pods = {pod["metadata"]["name"] for pod in preview.objects("Pod")}
    world.sidecars.commit(preview.namespace, B)
    assert await asked(preview) == f"1 commit was pushed to change, which is now at {B[:7]}."
    assert head(preview) == B
    await preview.hear_opened()  # the forge's webhook about our own push
    await preview.becomes(Phase.READY, B)
    assert {pod["metadata"]["name"] for pod in preview.objects("Pod")} == pods
    assert await asked(preview) == f"There is nothing to push: nothing was changed since {B[:7]} came in."
    await preview.close()
    await preview.is_over()


async def test_everything_is_committed_with_a_message(world: World) -> None:
    preview = await living(world)
    world.sidecars.changed[preview.namespace] = B  # type: ignore[assignment]
    assert "give a message" in await refused(preview)
    assert head(preview) == A
    assert "1 commit was pushed" in await asked(preview, message="From the pod")
    assert head(preview) == B


async def test_a_push_from_the_terminal_is_answered_there(world: World) -> None:
    preview = await living(world)
    wish = world.sidecars.git_push(preview.namespace, B)
    await world.until(lambda: wish in world.sidecars.answers, "an answer")
    assert world.sidecars.answers[wish] == (True, f"1 commit was pushed to change, which is now at {B[:7]}.")
    assert head(preview) == B
    records = [each for each in world.audit.entries if each.action == "push"]
    assert [(each.who, each.subject) for each in records] == [("the environment's terminal", preview.namespace)]

    second = world.sidecars.git_push(preview.namespace, C)
    world.branches.parents[C] = B
    await world.until(lambda: second in world.sidecars.answers, "another answer")
    assert head(preview) == C


async def test_a_branch_that_moved_is_told_in_the_terminal(world: World) -> None:
    preview = await living(world)
    world.forge.push(preview.key, C)
    wish = world.sidecars.git_push(preview.namespace, B)
    await world.until(lambda: wish in world.sidecars.answers, "an answer")
    is_done, message = world.sidecars.answers[wish]
    assert (is_done, head(preview)) == (False, C)
    assert "don't build upon change" in message


@pytest.mark.parametrize(
    "error", [PushRefused("The forge refused change: protected."), SidecarGone("The pod is gone.")]
)
async def test_what_is_in_the_way_is_the_answer(world: World, error: Exception) -> None:
    preview = await living(world)
    world.sidecars.commit(preview.namespace, B)
    world.branches.fail_next("push", error)
    assert str(error) in await refused(preview)
    assert head(preview) == A
    assert "1 commit was pushed" in await asked(preview)


async def test_a_closed_pull_request_takes_nothing(world: World) -> None:
    preview = await living(world)
    world.forge.close(preview.key)
    world.sidecars.commit(preview.namespace, B)
    assert "The pull request is closed" in await refused(preview)
    assert world.branches.pushed == []


async def test_a_branch_of_another_repository_is_not_pushed_to(world: World) -> None:
    preview = await living(world)
    world.forge._change(preview.key, head_repository_id=99)
    world.sidecars.commit(preview.namespace, B)
    assert "isn't in the project's own repository" in await refused(preview)
    assert world.branches.pushed == []


async def test_an_image_has_nothing_to_push(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    assert "runs an image" in await refused(preview)


async def test_a_worker_that_ends_in_the_middle_loses_no_push(world: World) -> None:
    preview = await living(world)
    world.branches.hangs.add("push")
    wish = world.sidecars.git_push(preview.namespace, B)
    await world.until(lambda: ("push", "change") in world.branches.calls, "the push began")
    await world.stop_worker()
    world.branches.hangs.clear()
    await world.start_worker()
    await world.until(lambda: wish in world.sidecars.answers, "an answer")
    assert world.sidecars.answers[wish][0]
    assert head(preview) == B
    assert len(world.branches.pushed) == 1


async def test_a_push_that_hangs_holds_up_no_deployment(world: World) -> None:
    preview = await living(world)
    world.branches.hangs.add("push")
    wish = world.sidecars.git_push(preview.namespace, B)
    await world.until(lambda: ("push", "change") in world.branches.calls, "the push began")
    await preview.push(C, NODE)
    await preview.becomes(Phase.READY, C)
    world.branches.hangs.clear()
    await world.until(lambda: wish in world.sidecars.answers, "an answer")
    assert not world.sidecars.answers[wish][0], "the branch has moved meanwhile"


async def test_who_asks_is_the_author(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    preview = await living(world)
    taken: list[str] = []
    take = world.sidecars.take

    async def noting(pod: Any, what: Any, target: Any) -> Any:
        taken.append(what.author)
        return await take(pod, what, target)

    monkeypatch.setattr(world.sidecars, "take", noting)
    world.sidecars.changed[preview.namespace] = B  # type: ignore[assignment]
    await asked(preview, message="x")
    assert re.fullmatch(rf"ada <{preview.namespace}@localhost>", taken[0])
