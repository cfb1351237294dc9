"""One trace from a webhook to its URL, as a collector gets it that is spoken to by OTLP; and lives without a collector."""

import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from temporalio.client import Client

from activities.kinds import environment_ref
from activities.protocols import BuildFailed
from environments import labels
from environments.model import Phase
from telemetry.causes import HEADER
from telemetry.tracing import tracing
from tests.otlp import Collector, silent_port
from tests.workflows.traced import (
    CANARY,
    FILES,
    SECRET,
    TracedWorld,
    commits,
    roll_out,
    traced_world,
    until_in_trace,
    webhooks,
)
from tests.workflows.world import A, B


@pytest_asyncio.fixture
async def traced(sink: Collector, steady_client: Client, tmp_path: Path) -> AsyncIterator[TracedWorld]:
    async with tracing("catalyst-test") as traces, AsyncExitStack() as stack:
        world = await traced_world(stack, steady_client, tmp_path, traces)
        await world.start_worker()
        yield world
        await world.stop_worker()
        await world.replay()


WAY = [
    "POST /webhooks/gitea",
    "hand on webhook",
    "SignalWithStartWorkflow:PullRequestWorkflow",
    "StartActivity:declare",
    "RunActivity:declare",
    "StartChildWorkflow:RolloutWorkflow",
    "StartActivity:wait_ready",
    "RunActivity:wait_ready",
    "probe.get",
]
CALLS = {
    "cluster.apply Environment",
    "cluster.create Namespace",
    "cluster.apply Deployment",
    "cluster.apply Ingress",
    "forge.pull_request",
    "forge.put_comment",
    "forge.put_status",
    "git.checkout",
    "buildkit.build",
    "database.put",
}


async def test_one_trace_from_the_webhook_to_the_url(traced: TracedWorld, sink: Collector) -> None:
    preview = await roll_out(traced, sink)
    trace = await until_in_trace(traced, sink, 0, *CALLS)
    assert sink.path_to(trace, "probe.get") == WAY
    [answer] = [each for each in sink.of_trace(trace) if each.name == "probe.get"]
    assert answer.attributes["http.response.status_code"] == "200"

    deployed = next(each for each in sink.of_trace(trace) if each.name == "RunActivity:deploy")
    identity = {"team": traced.team, "project": "shop", "environment": f"pr-{preview.key.number}", "sha": A}
    assert identity.items() <= {name.removeprefix("catalyst."): it for name, it in deployed.attributes.items()}.items()
    assert deployed.attributes["catalyst.pull_request"] == str(preview.key.number)
    assert [each for each in sink.spans if not each.parent and each.name.startswith("Signal")] == [], "by the watch"


async def test_a_push_has_a_trace_of_its_own_that_leads_to_its_own_url(traced: TracedWorld, sink: Collector) -> None:
    preview = await roll_out(traced, sink)
    preview.push_unheard(B, FILES)
    await traced.webhook(preview, "synchronized")
    await preview.becomes(Phase.READY, B)
    pushed = await until_in_trace(traced, sink, 1, "probe.get", "CompleteWorkflow:RolloutWorkflow")
    opened = webhooks(sink)[0]
    assert sink.path_to(pushed, "probe.get") == WAY
    assert (commits(sink, opened), commits(sink, pushed)) == ({A}, {B}), sink.tree(opened) + sink.tree(pushed)


async def test_a_push_that_supersedes_keeps_its_trace_among_the_older_ones_news(
    traced: TracedWorld, sink: Collector
) -> None:
    traced.builder.hangs.add("build")
    preview = traced.opened_unheard(FILES)
    await traced.webhook(preview, "opened")
    await preview.becomes(Phase.BUILDING, A)
    preview.push_unheard(B, FILES)
    await traced.webhook(preview, "synchronized")
    await traced.until(lambda: traced.builder.cancelled, "the build of the older commit is cancelled")
    traced.builder.hangs.clear()
    await preview.becomes(Phase.READY, B)
    pushed = await until_in_trace(traced, sink, 1, "probe.get")
    assert sink.path_to(pushed, "probe.get") == WAY
    opened = webhooks(sink)[0]
    assert "probe.get" not in sink.names(opened)
    [build] = [each for each in sink.of_trace(opened) if each.name == "buildkit.build"]
    assert (build.is_error, build.attributes["error.type"]) == (True, "cancelled")


async def test_a_label_takes_nothing_out_of_the_trace_of_what_is_under_way(
    traced: TracedWorld, sink: Collector
) -> None:
    traced.builder.hangs.add("build")
    preview = traced.opened_unheard(FILES)
    await traced.webhook(preview, "opened")
    await preview.becomes(Phase.BUILDING, A)
    await traced.webhook(preview, "label_updated")
    labelled = await until_in_trace(traced, sink, 1, "SignalWorkflow:look")
    traced.builder.hangs.clear()
    await preview.becomes(Phase.READY, A)
    opened = await until_in_trace(traced, sink, 0, "probe.get")
    assert sink.path_to(opened, "probe.get") == WAY
    assert sink.names(labelled) == {"POST /webhooks/gitea", "hand on webhook", "SignalWorkflow:look"}


async def test_closing_leads_to_the_release_of_its_resource(traced: TracedWorld, sink: Collector) -> None:
    preview = await roll_out(traced, sink)
    traced.forge.close(preview.key)
    await traced.webhook(preview, "closed")
    await preview.is_over()
    await until_in_trace(traced, sink, 1, "RunActivity:remove", "RunActivity:release")


async def test_the_trace_goes_on_in_the_process_after(sink: Collector, steady_client: Client, tmp_path: Path) -> None:
    """The webhook is stored, the API ends before it is handed on; another one, later, hands it on."""
    async with tracing("catalyst-before") as traces, AsyncExitStack() as stack:
        world = await traced_world(stack, steady_client, tmp_path, traces, is_dispatching=False)
        preview = world.opened_unheard(FILES)
        await world.webhook(preview, "opened")
    async with tracing("catalyst-after") as traces, AsyncExitStack() as stack:
        again = await traced_world(stack, steady_client, tmp_path, traces)
        again.take_over(world)
        await again.start_worker()
        await preview.becomes(Phase.READY, A)
        trace = await until_in_trace(again, sink, 0, "probe.get")
    services = {each.name: each.service for each in sink.of_trace(trace)}
    assert services["POST /webhooks/gitea"] == "catalyst-before"
    assert services["hand on webhook"] == services["probe.get"] == "catalyst-after"


async def test_nothing_of_what_people_write_or_sign_with_leaves(traced: TracedWorld, sink: Collector) -> None:
    """Payload, query, the repository's files, a command's error, what an exception says."""
    preview = await roll_out(traced, sink)
    traced.builder.fail_next("build", BuildFailed(f"RUN echo {CANARY} failed"))
    traced.source.fail_next("checkout", ValueError(CANARY))
    preview.push_unheard(B, FILES)
    await traced.webhook(preview, "synchronized")
    await preview.becomes(Phase.FAILED, B)
    pushed = await until_in_trace(traced, sink, 1, "buildkit.build", "CompleteWorkflow:RolloutWorkflow")
    failed = {each.name: each for each in sink.of_trace(pushed) if each.is_error}
    assert failed["buildkit.build"].attributes["error.type"] == "BuildFailed"
    assert failed["RunActivity:build"].status == "ApplicationError"
    everything = b"".join(sink.bodies)
    assert b"BuildFailed" in everything, "it is searched where it would be"
    assert [each for each in (CANARY, SECRET) if each.encode() in everything] == []


async def test_a_push_is_traced_from_the_first_webhook_about_it(traced: TracedWorld, sink: Collector) -> None:
    """Forges send two: about the branch, and seconds later about its pull request."""
    preview = await roll_out(traced, sink)
    preview.push_unheard(B, FILES)
    await traced.push_webhook(preview)
    await preview.becomes(Phase.READY, B)
    pushed = await until_in_trace(traced, sink, 1, "probe.get", "CompleteWorkflow:RolloutWorkflow")
    way = ["SignalWorkflow:look" if each.startswith("SignalWith") else each for each in WAY]
    assert sink.path_to(pushed, "probe.get") == way
    await traced.webhook(preview, "synchronized")
    synchronized = await until_in_trace(traced, sink, 2, "RunActivity:declare")
    assert "StartChildWorkflow:RolloutWorkflow" not in sink.names(synchronized)


async def test_without_an_endpoint_nothing_is_different(
    steady_client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a thread, nor a header in a history, nor an annotation, nor a value in the inbox."""
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    async with tracing("catalyst-test") as traces, AsyncExitStack() as stack:
        world = await traced_world(stack, steady_client, tmp_path, traces, is_dispatching=False)
        preview = world.opened_unheard(FILES)
        await world.webhook(preview, "opened")
        assert [each.traceparent for each in await world.deliveries.pending(10)] == [None]
        await preview.hear_opened()
        await world.start_worker()
        await preview.becomes(Phase.READY, A)
        stored = await world.cluster.get(environment_ref(preview.environment))
        assert stored is not None and labels.TRACEPARENT not in stored["metadata"]["annotations"]
        history = (await preview.pull_request_workflow.fetch_history()).to_json()
        assert "activityTaskScheduledEventAttributes" in history
        assert [each for each in (HEADER, "traceparent") if each in history] == []
        assert [each.name for each in threading.enumerate() if "Otel" in each.name] == []


async def test_a_collector_that_never_answers_holds_up_no_life(
    steady_client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    lost = REGISTRY.get_sample_value("catalyst_spans_lost_total") or 0
    with silent_port() as port:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        async with tracing("catalyst-test") as traces, AsyncExitStack() as stack:
            world = await traced_world(stack, steady_client, tmp_path, traces)
            await world.start_worker()
            preview = world.opened_unheard(FILES)
            await world.webhook(preview, "opened")
            await preview.becomes(Phase.READY, A)
            world.forge.close(preview.key)
            await world.webhook(preview, "closed")
            await preview.is_over()
            await world.until(lambda: (REGISTRY.get_sample_value("catalyst_spans_lost_total") or 0) > lost)
