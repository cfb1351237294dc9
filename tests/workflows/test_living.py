"""Development pods outlive commits: source is delivered into them, and their command's word counts."""

import pytest

from activities.protocols import ClusterRefused, IncompleteDelivery, SidecarGone, StaleDelivery
from environments.model import Phase
from environments.sidecar import CommandPhase, Delivery, Kept, SidecarState
from environments.work import OverrideRequest, Request
from gateways.sidecar.fake import runs
from tests.workflows.world import NODE, A, B, Preview, World


def fails(delivery: Delivery) -> SidecarState:
    failed = {"phase": CommandPhase.FAILED, "exit_code": 1, "tail": ('npm error Missing script: "dev"',), "port": None}
    return runs(delivery).model_copy(update=failed)


def pods(preview: Preview) -> set[str]:
    return {pod["metadata"]["name"] for pod in preview.objects("Pod")}


async def test_a_push_comes_into_the_pod_that_runs(world: World) -> None:
    preview = await world.open(NODE)
    report = await preview.becomes(Phase.READY, A)
    assert [step.name for step in report.steps] == ["source", "deploy", "deliver", "ready"]
    before = pods(preview)
    await preview.push(B, NODE)
    await preview.becomes(Phase.READY, B)
    assert pods(preview) == before
    assert [(each.sha, each.rollout) for each in world.sidecars.deliveries] == [(A, 1), (B, 2)]
    assert world.builder.calls == [], "source needs no build"
    await preview.close()
    await preview.is_over()


async def test_a_failing_command_is_degraded_and_told_and_a_push_mends_it(world: World) -> None:
    world.sidecars.fate = fails
    preview = await world.open(NODE)
    report = await preview.becomes(Phase.DEGRADED, A)
    assert report.reason == "CommandFailed"
    await preview.comment_says("package.json has no script `dev`")
    await preview.comment_says("Missing script")
    before = pods(preview)
    world.sidecars.fate = runs
    await preview.push(B, NODE)
    await preview.becomes(Phase.READY, B)
    assert pods(preview) == before


async def test_retry_runs_the_same_commit_again_in_place(world: World) -> None:
    world.sidecars.fate = fails
    preview = await world.open(NODE)
    await preview.becomes(Phase.DEGRADED, A)
    before = pods(preview)
    world.sidecars.fate = runs
    await preview.pull_request_workflow.execute_update("retry", Request(by="ada"))
    await preview.becomes(Phase.READY, A)
    assert pods(preview) == before
    assert [each.sha for each in world.sidecars.deliveries] == [A, A]


async def test_an_overridden_command_runs_in_the_same_pod(world: World) -> None:
    world.sidecars.fate = fails
    preview = await world.open(NODE)
    await preview.becomes(Phase.DEGRADED, A)
    before = pods(preview)
    world.sidecars.fate = runs
    await preview.pull_request_workflow.execute_update("override", OverrideRequest(by="ada", command="npm start"))
    await preview.becomes(Phase.READY, A)
    assert pods(preview) == before
    assert str(world.sidecars.deliveries[-1].command).endswith("; npm start")


async def test_a_command_that_fails_later_is_noticed_and_its_last_words_are_told(world: World) -> None:
    preview = await world.open(NODE)
    await preview.becomes(Phase.READY, A)
    failed = {"phase": CommandPhase.FAILED, "exit_code": 3, "tail": ("boom at line 7",), "port": None}
    world.sidecars.change(preview.namespace, **failed)
    await preview.environment_workflow.signal("look")
    report = await preview.becomes(Phase.DEGRADED, A)
    assert "exit code 3" in report.message
    await preview.comment_says("boom at line 7")


async def test_what_was_changed_inside_is_kept_and_told(world: World) -> None:
    preview = await world.open(NODE)
    await preview.becomes(Phase.READY, A)
    world.sidecars.dirty[preview.namespace] = Kept(ref="refs/catalyst/kept/2", files=("server.js",), count=1)
    await preview.push(B, NODE)
    await preview.becomes(Phase.READY, B)
    await preview.comment_says("refs/catalyst/kept/2")


async def test_ready_waits_for_this_very_commit(world: World) -> None:
    """Rule 9: what the sidecar says of the commit before means nothing."""
    preview = await world.open(NODE)
    await preview.becomes(Phase.READY, A)
    world.sidecars.fate = lambda delivery: runs(delivery).model_copy(
        update={"sha": A, "rollout": 1, "phase": CommandPhase.RUNNING}
    )
    await preview.push(B, NODE)
    await world.until(lambda: len(world.sidecars.deliveries) == 2, "the delivery of B")
    await preview.becomes(Phase.DEPLOYING, B)
    world.sidecars.change(preview.namespace, sha=B, rollout=2)
    await preview.becomes(Phase.READY, B)


@pytest.mark.parametrize("error", [SidecarGone("The pod is gone."), IncompleteDelivery("Send everything.")])
async def test_a_delivery_that_fails_once_is_made_again(world: World, error: Exception) -> None:
    preview = await world.open(NODE)
    await preview.becomes(Phase.READY, A)
    world.sidecars.fail_next("deliver", error)
    await preview.push(B, NODE)
    await preview.becomes(Phase.READY, B)


async def test_a_rollout_whose_delivery_comes_too_late_is_begun_anew(world: World) -> None:
    """Rule 2: the pod itself refuses it (tests/gateways/test_sidecars.py); what the cluster wants now is looked at again."""
    preview = await world.open(NODE)
    await preview.becomes(Phase.READY, A)
    world.sidecars.fail_next("deliver", StaleDelivery("Rollout 7 was delivered already."))
    await preview.push(B, NODE)
    report = await preview.becomes(Phase.READY, B)
    assert report.rollout == 3
    assert [(each.sha, each.rollout) for each in world.sidecars.deliveries] == [(A, 1), (B, 3)]


async def test_a_sidecar_that_may_not_be_asked_is_said_and_not_waited_for(world: World) -> None:
    world.sidecars.fail_next("watch", ClusterRefused("exec in its pod: the account may not (403)"))
    preview = await world.open(NODE)
    report = await preview.becomes(Phase.FAILED, A)
    assert "the account may not" in report.message


async def test_a_pod_that_is_replaced_is_delivered_into_again(world: World) -> None:
    preview = await world.open(NODE)
    await preview.becomes(Phase.READY, A)
    before = pods(preview)
    await preview.pull_request_workflow.execute_update("override", OverrideRequest(by="ada", env={"A": "1"}))
    await world.until(lambda: len(world.sidecars.deliveries) == 2, "the second delivery")
    await preview.becomes(Phase.READY, A)
    assert pods(preview) != before
    assert preview.env("A") == "1"
