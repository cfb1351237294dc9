"""From opened to closed and gone, and everything that can come in between (design: "The rules that make races impossible")."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from activities.protocols import Answer, ObjectRef
from environments.model import Phase, PullRequest
from environments.work import Request
from tests.patience import PATIENCE_SECONDS
from tests.workflows.world import A, B, C, World
from workflows.environment import EnvironmentWorkflow
from workflows.pull_request import PullRequestWorkflow


@pytest.mark.recorded("open-close")
async def test_opened_ready_closed_gone(world: World) -> None:
    preview = await world.open()
    report = await preview.becomes(Phase.READY, A)
    assert report.url == f"http://{preview.namespace}.localhost:8780/"
    assert [step.name for step in report.steps] == ["source", "build", "deploy", "ready"]
    await preview.comment_says(report.url)
    await preview.status_becomes("success", A)
    assert preview.objects("NetworkPolicy") and preview.objects("ResourceQuota")

    await preview.close()
    await preview.is_over()
    assert report.url not in preview.comment
    assert preview.report.phase is Phase.DELETED


async def test_a_push_rolls_out_the_newest_commit_and_no_other_pod_is_left(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    await preview.push(B)
    report = await preview.becomes(Phase.READY, B)
    assert report.deployed_sha == B
    assert {pod["metadata"]["labels"]["catalyst.dev/rollout"] for pod in preview.objects("Pod")} == {"2"}


@pytest.mark.recorded("superseding-push")
async def test_a_push_during_a_build_cancels_it_and_its_result_is_never_deployed(world: World) -> None:
    world.builder.hangs.add("build")
    preview = await world.open()
    await preview.becomes(Phase.BUILDING, A)
    await preview.push(B)
    await world.until(lambda: world.builder.cancelled, "the build of the older commit is cancelled")
    world.builder.hangs.clear()
    await preview.becomes(Phase.READY, B)
    images = [
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] for deployment in preview.objects("Deployment")
    ]
    assert len(images) == 1
    built = world.registry.tags[f"{preview.namespace}/web"]
    assert images[0].endswith(built[B])


async def test_ten_pushes_at_once_end_in_the_last(world: World) -> None:
    preview = await world.open()
    for number in range(10):
        preview.push_unheard(f"{number}" * 40)
    await asyncio.gather(*(preview.hear_opened() for _ in range(10)))
    await preview.becomes(Phase.READY, "9" * 40)
    assert len(world.registry.tags[f"{preview.namespace}/web"]) <= 2


@pytest.mark.parametrize("phase", [Phase.DETECTING, Phase.BUILDING, Phase.DEPLOYING, Phase.READY])
async def test_closed_during_each_phase(world: World, phase: Phase) -> None:
    if phase is Phase.DETECTING:
        world.source.hangs.add("checkout")
    if phase is Phase.BUILDING:
        world.builder.hangs.add("build")
    if phase is Phase.DEPLOYING:
        world.cluster.pods_become_ready = False
    preview = await world.open()
    await preview.becomes(phase)
    await preview.close()
    await preview.is_over()


@pytest.mark.recorded("closed-before-opened")
async def test_closed_before_opened_was_handled(world: World) -> None:
    preview = world.opened_unheard()
    world.forge.close(preview.key)
    await preview.hear_closed()
    await preview.hear_opened()
    await preview.is_over()
    assert world.builder.calls == []


async def test_redelivered_and_out_of_order_deliveries_change_nothing(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    await preview.push(B)
    for _ in range(3):
        await preview.hear_closed()  # a `closed` of last week, delivered again
        await preview.hear_opened()
    await preview.becomes(Phase.READY, B)
    assert preview.report.rollout == 2


@pytest.mark.recorded("reopened-in-teardown")
async def test_reopened_during_teardown_gets_a_new_environment(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    before = preview.report.uid
    world.cluster.hang_namespaces = True
    await preview.close()
    await world.until(lambda: preview.namespace_object and "deletionTimestamp" in preview.namespace_object["metadata"])
    await preview.reopen()
    await preview.comment_says("still being removed")
    world.cluster.hang_namespaces = False
    await preview.becomes(Phase.READY, A)
    assert preview.report.uid != before


async def test_reopened_at_the_last_moment_and_nobody_heard_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by `make soak`: what the last look saw was acted on ten minutes later."""
    preview = world.opened_unheard()
    world.forge.close(preview.key)
    ask = world.forge.pull_request

    async def ask_before_it_is_reopened(repository_id: int, number: int) -> PullRequest | None:
        found = await ask(repository_id, number)
        world.forge.reopen(preview.key)
        return found

    monkeypatch.setattr(world.forge, "pull_request", ask_before_it_is_reopened)
    await preview.hear_opened()
    await preview.becomes(Phase.READY, A)


async def test_equal_numbers_of_two_teams_do_not_touch_each_other(world: World) -> None:
    one = await world.open(name="shop")
    other = await world.open(name="blog")
    await one.becomes(Phase.READY)
    await other.becomes(Phase.READY)
    await one.close()
    await one.is_over()
    assert other.namespace_object is not None
    assert other.objects("Deployment")


async def test_a_namespace_that_someone_else_owns_is_refused_and_never_touched(world: World) -> None:
    preview = world.opened_unheard()
    theirs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": preview.namespace, "labels": {"app": "x"}}}
    await world.cluster.create(theirs)
    await preview.hear_opened()
    await preview.becomes(Phase.FAILED)
    await preview.comment_says("belongs to something that is not Catalyst")
    await preview.close()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await preview.pull_request_workflow.result()
    assert preview.namespace_object is not None
    assert "deletionTimestamp" not in preview.namespace_object["metadata"]


@pytest.mark.recorded("failed-build")
async def test_a_failed_build_is_told_and_a_push_recovers(world: World) -> None:
    preview = await world.open({"Dockerfile": "FROM busybox\nRUN false\n"})
    await preview.becomes(Phase.FAILED, A)
    await preview.comment_says("exit code: 1")
    await preview.status_becomes("failure", A)
    await preview.push(B)
    await preview.becomes(Phase.READY, B)


async def test_a_teardown_waits_out_a_registry_that_hangs(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    world.registry.hangs.add("repositories")
    await preview.close()
    await world.until(lambda: "repositories" in dict(world.registry.calls), "the registry is asked what is left")
    assert preview.resource is not None, "the finalizer stays until the registry has said so"
    world.registry.heal()
    await preview.is_over()


class TestPeople:
    @pytest.mark.recorded("stop-and-retry")
    async def test_stop_and_retry(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await preview.pull_request_workflow.execute_update("close", Request(by="alice", reason="too expensive"))
        await preview.is_gone()
        await preview.comment_says("Stopped by alice: too expensive")
        await preview.pull_request_workflow.execute_update("retry", Request(by="bob"))
        await preview.becomes(Phase.READY, A)

    async def test_retry_runs_the_same_commit_again(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await preview.pull_request_workflow.execute_update("retry", Request(by="bob"))
        await world.until(lambda: preview.report.rollout == 2 and preview.report.phase is Phase.READY)

    async def test_retry_by_a_signal_typed_by_hand(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await preview.environment_workflow.signal("retry", {"by": "carol", "whatever": 1})
        await world.until(lambda: preview.report.rollout == 2 and preview.report.phase is Phase.READY)

    @pytest.mark.recorded("override")
    async def test_an_override_is_deployed_and_outlives_pushes_until_reset(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await preview.pull_request_workflow.execute_update("override", {"by": "dora", "env": {"COLOUR": "green"}})
        await world.until(lambda: preview.env("COLOUR") == "green", "the override is deployed")
        await preview.push(B)
        await preview.becomes(Phase.READY, B)
        assert preview.env("COLOUR") == "green"
        await preview.environment_workflow.execute_update("override", {"by": "dora", "reset": True})
        await world.until(lambda: preview.env("COLOUR") is None, "the override is gone")
        assert ("dora", "override") in {(each.who, each.action) for each in world.audit.entries}

    async def test_a_resource_deleted_by_hand_is_torn_down_and_told_not_made_again(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        kind = preview.kubernetes("Environment")
        await world.cluster.delete(ObjectRef(kind, preview.environment.namespace, preview.environment.name))
        await preview.is_gone()
        await preview.comment_says("somebody who deleted its Environment resource. Retry starts it again.")
        await preview.pull_request_workflow.signal(PullRequestWorkflow.retry, Request(by="bob"))
        await preview.becomes(Phase.READY, A)


class TestRepair:
    async def test_a_deleted_guard_comes_back_at_once(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        [policy] = preview.objects("NetworkPolicy")
        kind = preview.kubernetes("NetworkPolicy", "networking.k8s.io/v1")
        await world.cluster.delete(ObjectRef(kind, preview.namespace, policy["metadata"]["name"]))
        await world.until(lambda: preview.objects("NetworkPolicy"), "the policy is back")

    async def test_a_deleted_workload_is_told_and_comes_back_with_retry(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await world.cluster.delete(ObjectRef(preview.kubernetes("Deployment", "apps/v1"), preview.namespace, "web"))
        await preview.becomes(Phase.DEGRADED, A)
        await preview.pull_request_workflow.execute_update("retry", Request(by="bob"))
        await preview.becomes(Phase.READY, A)


class TestLostThings:
    async def test_a_worker_that_was_stopped_while_the_pull_request_closed(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await world.stop_worker()
        world.forge.close(preview.key)
        await world.start_worker()
        await world.reconcile()
        await preview.is_over()

    async def test_webhooks_that_were_lost_are_made_up_for(self, world: World) -> None:
        opened = world.opened_unheard()
        pushed = await world.open(name="blog")
        await pushed.becomes(Phase.READY, A)
        pushed.push_unheard(C)
        await world.reconcile()
        await opened.becomes(Phase.READY, A)
        await pushed.becomes(Phase.READY, C)

    async def test_workflows_that_were_terminated_are_started_again_and_finish(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await preview.pull_request_workflow.terminate("on purpose")
        await preview.environment_workflow.terminate("on purpose")
        world.forge.close(preview.key)
        await world.reconcile()
        await preview.is_over()

    async def test_an_environment_namespace_without_its_resource_is_torn_down(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await preview.pull_request_workflow.terminate("on purpose")
        await preview.environment_workflow.terminate("on purpose")
        world.forge.close(preview.key)
        ref = ObjectRef(preview.kubernetes("Environment"), preview.environment.namespace, preview.environment.name)
        await world.cluster.patch(ref, {"metadata": {"finalizers": None}})
        await world.cluster.delete(ref)
        await world.reconcile()
        await world.until(lambda: preview.namespace_object is None, "the namespace is gone")


async def test_a_url_that_does_not_answer_is_told_and_looked_at_again(world: World) -> None:
    await world.stop_worker()
    world.options = replace(world.options, start_timeout=timedelta(seconds=1))
    await world.start_worker()
    world.probe.default = Answer(502, "")
    preview = await world.open()
    report = await preview.becomes(Phase.DEGRADED)
    assert (report.reason, report.url) == ("NotAnswering", None)
    await preview.comment_says("nothing takes connections on port 8080")

    world.probe.default = Answer(200, "hello")
    await preview.environment_workflow.signal(EnvironmentWorkflow.look)
    assert (await preview.becomes(Phase.READY)).url is not None
