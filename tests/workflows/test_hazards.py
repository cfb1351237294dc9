"""What must not end a workflow, hold it up for ever, or let one environment's end reach another's things."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle, WorkflowUpdateFailedError

from activities.protocols import GatewayError, Kind, ObjectRef, WatchEvent
from environments import labels
from environments.model import (
    CommitSha,
    EnvironmentKey,
    EnvironmentUid,
    KubernetesObject,
    NamespaceName,
    Phase,
    PullRequestKey,
)
from environments.names import environment_workflow_id, rollout_workflow_id
from environments.urgency import BETWEEN_EDITS
from environments.work import OverrideRequest, Request, Sighting
from tests.patience import PATIENCE_SECONDS
from tests.workflows import world as worlds
from tests.workflows.world import A, B, World
from worker.assembly import WORKFLOWS
from workflows.environment import EnvironmentWorkflow
from workflows.rollout import RolloutWorkflow


async def by_hand(world: World, team: str, project: str, name: str, **spec: object) -> EnvironmentKey:
    """An Environment that somebody made with kubectl, in a project namespace of ours."""
    home = NamespaceName(f"{team}-{project}")
    marks = {labels.TEAM: team, labels.PROJECT: project, labels.NAMESPACE_TYPE: "project"}
    metadata = {"name": home, "labels": marks | {labels.MANAGED_BY: labels.MANAGER}}
    await world.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    return await in_namespace(world, home, name, **spec)


async def in_namespace(world: World, home: NamespaceName, name: str, **spec: object) -> EnvironmentKey:
    resource = {"apiVersion": labels.API_VERSION, "kind": "Environment", "metadata": {"namespace": home, "name": name}}
    await world.cluster.create(resource | {"spec": spec})
    return EnvironmentKey(namespace=home, name=name)


def stored(world: World, key: EnvironmentKey) -> KubernetesObject | None:
    found = world.cluster.objects("Environment", key.namespace)
    return next((each for each in found if each["metadata"]["name"] == key.name), None)


def status(world: World, key: EnvironmentKey) -> dict[str, object]:
    return dict((stored(world, key) or {}).get("status", {}))


def owner_of(world: World, key: EnvironmentKey) -> WorkflowHandle[EnvironmentWorkflow, object]:
    return world.client.get_workflow_handle_for(EnvironmentWorkflow.run, environment_workflow_id(key))


class TestOthersThings:
    async def test_who_never_held_the_namespace_does_not_take_its_images(self, world: World) -> None:
        """`t` + `shop` + `pr-1` and `t-shop` + `pr` + `1` make the same namespace; the second one's end is its own only."""
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        number = str(preview.key.number)
        key = await by_hand(world, f"{world.team}-shop", "pr", number, sources=[{"commitSha": A}])
        await world.until(lambda: status(world, key).get("phase") == "Failed", "it is refused")
        await owner_of(world, key).execute_update("close", Request(by="mallory"))
        await world.until(lambda: stored(world, key) is None, "the refused one is gone")
        assert world.registry.tags[f"{preview.namespace}/web"], "the images of the one that holds the namespace"
        assert preview.objects("Deployment")

    async def test_another_teams_pull_request_is_not_stopped_by_naming_it(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        key = await by_hand(world, f"x{world.team}", "own", "pr-1", sources=[{"commitSha": A}])
        claim = {labels.PULL_REQUEST: labels.pull_request_annotation(preview.key)}
        ref = ObjectRef(preview.kubernetes("Environment"), key.namespace, key.name)
        await world.cluster.patch(ref, {"metadata": {"annotations": claim}})
        await world.until(lambda: status(world, key).get("phase") == "Failed", "it was looked at")
        await owner_of(world, key).execute_update("close", Request(by="mallory"))
        await world.until(lambda: stored(world, key) is None, "its own environment is deleted")
        assert (await preview.snapshot()).state.wishes.stopped_by is None


class TestByHand:
    async def test_an_environment_where_none_can_be_says_so_in_its_status(self, world: World) -> None:
        home = NamespaceName(f"{world.team}-elsewhere")
        await world.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": home}})
        key = await in_namespace(world, home, "mine", sources=[{"commitSha": A}])
        await world.until(lambda: status(world, key).get("reason") == "NoProject", "the reason is in the status")

    async def test_the_finalizer_comes_before_the_namespace(self, world: World) -> None:
        key = await by_hand(world, world.team, "hand", "mine", sources=[{"commitSha": A}])
        namespace = f"{world.team}-hand-mine"
        await world.until(lambda: world.cluster.objects("NetworkPolicy", namespace), "it was prepared")
        resource = stored(world, key)
        assert resource is not None
        assert labels.FINALIZER in resource["metadata"]["finalizers"]
        await world.cluster.delete(ObjectRef(Kind(labels.API_VERSION, "Environment"), key.namespace, key.name))
        await world.until(lambda: stored(world, key) is None, "it is torn down and let go")
        assert not [each for each in world.cluster.objects("Namespace") if each["metadata"]["name"] == namespace]


class TestSignalsThatCannotBeCarriedOut:
    async def test_an_override_while_the_environments_workflow_is_lost_is_kept(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await preview.environment_workflow.terminate("on purpose")
        await preview.pull_request_workflow.signal("override", OverrideRequest(by="dora", env={"COLOUR": "green"}))
        await world.reconcile()
        await world.until(lambda: preview.env("COLOUR") == "green", "the override is deployed")
        described = await preview.pull_request_workflow.describe()
        assert described.status is WorkflowExecutionStatus.RUNNING

    async def test_a_close_while_the_pull_requests_workflow_is_lost_ends_nothing(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await preview.pull_request_workflow.terminate("on purpose")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await preview.environment_workflow.execute_update("close", Request(by="alice"))
        assert "workflow doesn't run" in str(refused.value.cause)
        await preview.environment_workflow.signal("close", Request(by="alice", reason="too expensive"))
        await world.until(lambda: "workflow doesn't run" in preview.report.message, "it is told")
        await world.reconcile()
        await preview.is_gone()
        assert (await preview.snapshot()).state.wishes.stopped_by == "alice"

    async def test_an_override_that_the_cluster_never_takes_does_not_hold_up_pushes(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        world.cluster.admission = lambda _, new, home: "no such ports here" if "7999" in str(new.get("spec")) else None
        await preview.environment_workflow.signal("override", OverrideRequest(by="dora", port=7999))
        await world.until(lambda: "no such ports here" in preview.report.refused, "the refusal is told")
        await preview.push(B)
        await preview.becomes(Phase.READY, B)


class TestTelling:
    async def test_a_pull_request_whose_workflow_was_lost_hears_how_it_ended(self, world: World) -> None:
        world.builder.hangs.add("build")
        preview = await world.open()
        await preview.comment_says("Building")
        await preview.pull_request_workflow.terminate("on purpose")
        world.builder.heal()
        report = await preview.becomes(Phase.READY, A)
        await world.reconcile()
        assert report.url is not None
        await preview.comment_says(report.url)

    async def test_progress_gathers_for_five_seconds(self, world: World) -> None:
        world.source.hangs.add("checkout")
        world.builder.hangs.add("build")
        preview = await world.open()
        await preview.comment_says("Detecting")
        world.source.heal()
        await preview.comment_says("Building")
        opened, begun, building, *_ = await _moments(preview.pull_request_workflow, "look", "report")
        assert begun - opened >= BETWEEN_EDITS.total_seconds()
        assert building - begun >= BETWEEN_EDITS.total_seconds()
        world.builder.heal()
        await preview.comment_says("Ready")

    async def test_a_rollout_that_is_over_before_that_is_told_once(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("workflows.reporting.BETWEEN_EDITS", timedelta(hours=1))  # however slow the machine is
        preview = await world.open()
        await preview.comment_says("Ready")
        assert len(await _moments(preview.pull_request_workflow, "report")) == 1

    async def test_a_database_that_is_down_does_not_silence_the_pull_request(self, world: World) -> None:
        world.index.fails = GatewayError("The database doesn't answer.")
        preview = await world.open()
        await preview.comment_says("Ready")
        world.index.fails = None
        await preview.becomes(Phase.READY, A)

    async def test_a_last_report_that_hangs_does_not_keep_the_workflow_from_ending(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        world.forge.hangs.add("put_comment")
        await preview.close()
        await preview.is_over(within=120)
        world.forge.heal()


class TestRollouts:
    async def test_one_that_was_cancelled_in_temporal_is_told_and_can_be_retried(self, world: World) -> None:
        world.builder.hangs.add("build")
        preview = await world.open()
        await preview.becomes(Phase.BUILDING, A)
        await world.client.get_workflow_handle(rollout_workflow_id(preview.namespace, CommitSha(A), 1)).cancel()
        await preview.becomes(Phase.FAILED, A)
        world.builder.heal()
        await preview.pull_request_workflow.execute_update("retry", Request(by="bob"))
        await preview.becomes(Phase.READY, A)

    async def test_one_that_cannot_end_does_not_hold_up_teardown(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.builder.hangs.add("build")
        preview = await world.open()
        await preview.becomes(Phase.BUILDING, A)
        await world.stop_worker()
        others = tuple(each for each in WORKFLOWS if each is not RolloutWorkflow)
        with monkeypatch.context() as without_rollouts:
            without_rollouts.setattr(worlds, "WORKFLOWS", others)
            await world.start_worker()
            await preview.close()
            await preview.is_over(within=120)

    async def test_an_overtaken_number_is_told_and_not_tried_again_at_once(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        refusal = "catalyst fence: rollout 2 may not overwrite what the newer rollout 999 wrote"
        world.cluster.admission = lambda stored, new, home: refusal if new["kind"] == "Deployment" else None
        await preview.push(B)
        await preview.becomes(Phase.FAILED, B)
        assert "newer rollout 999" in preview.report.message
        assert preview.report.rollout == 3

    async def test_guards_are_repaired_also_where_the_newest_rollout_failed(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await preview.push(B, {"Dockerfile": "FROM busybox\nRUN false\n"})
        await preview.becomes(Phase.FAILED, B)
        [policy] = preview.objects("NetworkPolicy")
        kind = preview.kubernetes("NetworkPolicy", "networking.k8s.io/v1")
        await world.cluster.delete(ObjectRef(kind, preview.namespace, policy["metadata"]["name"]))
        await world.until(lambda: preview.objects("NetworkPolicy"), "the policy is back")
        assert preview.report.phase is Phase.FAILED

    async def test_a_guard_that_was_deleted_during_a_rollout_comes_back(
        self, fast_world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also when no watch tells: what a rollout left is looked at soon after it."""
        world = fast_world
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await world.stop_worker()
        [policy] = preview.objects("NetworkPolicy")
        kind = preview.kubernetes("NetworkPolicy", "networking.k8s.io/v1")
        told = world.cluster.watch
        monkeypatch.setattr(world.cluster, "watch", lambda of, *more: _silent() if of == kind else told(of, *more))
        await world.start_worker()
        world.builder.hangs.add("build")
        await preview.push(B)
        await preview.becomes(Phase.BUILDING, B)
        await world.cluster.delete(ObjectRef(kind, preview.namespace, policy["metadata"]["name"]))
        world.builder.heal()
        await preview.becomes(Phase.READY, B)
        await world.until(lambda: preview.objects("NetworkPolicy"), "the policy is back")


async def _silent() -> AsyncIterator[WatchEvent]:
    await asyncio.Event().wait()
    yield WatchEvent("ADDED", {})


@pytest.fixture
async def unwatched(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Environments hear what a test tells them, and nothing else."""
    await world.stop_worker()
    monkeypatch.setattr("worker.watch.WATCHED", ())
    monkeypatch.setattr("workflows.environment.AFTER_ROLLOUT", timedelta(hours=1))
    await world.start_worker()
    return world


class TestLooking:
    async def test_what_is_known_already_is_not_looked_at_again(self, unwatched: World) -> None:
        preview = await unwatched.open()
        report, workflow = await preview.becomes(Phase.READY, A), preview.environment_workflow
        looks = len(await _moments(workflow, "observe"))
        known = Sighting(uid=EnvironmentUid(report.uid), generation=report.generation)
        await workflow.signal(EnvironmentWorkflow.look, known)
        await preview.environment_snapshot()  # answered after the signal was acted on
        assert len(await _moments(workflow, "observe")) == looks
        for news in (known.model_copy(update={"generation": report.generation + 1}), Sighting()):
            await workflow.signal(EnvironmentWorkflow.look, news)
            looks += 1
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(await _moments(workflow, "observe")) != looks:
                    await asyncio.sleep(0.05)

    async def test_a_rollout_that_runs_sees_to_its_workload_itself(self, unwatched: World) -> None:
        unwatched.builder.hangs.add("build")
        preview = await unwatched.open()
        await preview.becomes(Phase.BUILDING, A)
        workflow = preview.environment_workflow
        looks = len(await _moments(workflow, "observe"))
        await workflow.signal(EnvironmentWorkflow.look, Sighting())
        await preview.environment_snapshot()
        assert len(await _moments(workflow, "observe")) == looks
        unwatched.builder.heal()
        await preview.becomes(Phase.READY, A)
        # That it is over is no reason to look, either: what it waited for was true a moment ago.
        assert len(await _moments(workflow, "observe")) == looks


async def _moments(workflow: WorkflowHandle[Any, Any], *activities: str) -> list[float]:
    """When each of these activities was scheduled, in seconds since 1970 by Temporal's clock."""
    history = await workflow.fetch_history()
    return [
        event.event_time.ToMilliseconds() / 1000
        for event in history.events
        if event.activity_task_scheduled_event_attributes.activity_type.name in activities
    ]


async def test_one_that_cannot_be_reached_does_not_starve_those_behind_it(world: World) -> None:
    opened = [world.opened_unheard(name=name) for name in ("shop", "blog", "wiki")]
    wake = world.owners.wake_pull_request

    class Broken(type(world.owners)):  # type: ignore[misc]
        async def wake_pull_request(self, key: PullRequestKey, *args: object, **options: object) -> bool:
            if key == opened[0].key:
                raise GatewayError("That workflow takes no signals any more.")
            return bool(await wake(key, *args, **options))  # type: ignore[arg-type]

    await world.stop_worker()
    world.owners = Broken(world.client, world.task_queue)
    await world.start_worker()
    await world.reconcile()
    for each in opened[1:]:
        await each.becomes(Phase.READY, A)
