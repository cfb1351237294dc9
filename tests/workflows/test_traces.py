"""One trace from a webhook to its URL: real API, dispatcher, Temporal and workflows over fake gateways, and a collector that is
spoken to by OTLP."""

import hashlib
import hmac
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from opentelemetry.trace import TracerProvider
from prometheus_client import REGISTRY
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.protocols import BuildFailed
from api.app import create_app
from api.parts import ApiParts
from environments.model import Phase
from gateways.temporal.owners import TemporalOwners
from settings.settings import GiteaSettings, Settings
from store.audit import DatabaseAudit
from store.database import open_database
from store.deliveries import Deliveries
from store.index import DatabaseIndex
from store.overrides import DatabaseOverrides
from store.tokens import Tokens
from telemetry.causes import tracing_interceptors
from telemetry.measuring import Measuring
from telemetry.tracing import tracing
from tests.otlp import Collector, Seen, collector
from tests.workflows.world import A, B, Preview, World
from worker.assembly import Gateways
from worker.context import ContextInterceptor, Progress
from worker.parts import observed_gateways

SECRET = "canary-of-the-webhook-secret"
CANARY = "canary-in-what-people-write"
FILES = {"Dockerfile": f"FROM busybox:1.35\nEXPOSE 8080\nENV TOKEN={CANARY}\n"}


class TracedWorld(World):
    """A worker as the composition root makes it, and the API before it."""

    def __init__(self, client: Client, folder: Path, traces: TracerProvider) -> None:
        super().__init__(client, folder)
        self.traces = traces
        self.http = httpx.AsyncClient()

    def _gateways(self) -> Gateways:
        return observed_gateways(super()._gateways(), self.traces)

    def _worker_options(self) -> dict[str, Any]:
        return super()._worker_options() | {"interceptors": [Measuring(), ContextInterceptor(Progress())]}

    def take_over(self, other: World) -> None:
        """Its outside world."""
        for name in ("forge", "cluster", "product_cluster", "sidecars", "registry", "builder", "source", "probe"):
            setattr(self, name, getattr(other, name))
        self.index, self.audit = other.index, other.audit

    async def webhook(self, preview: Preview, action: str) -> None:
        """As the forge sends it."""
        payload = {
            "action": action,
            "number": preview.key.number,
            "pull_request": {"number": preview.key.number, "title": CANARY},
            "repository": {"id": preview.repository.id, "full_name": CANARY},
            "sender": {"login": "bob"},
        }
        body = json.dumps(payload).encode()
        headers = {
            "X-Gitea-Event": "pull_request",
            "X-Gitea-Delivery": os.urandom(8).hex(),
            "X-Gitea-Signature": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
        }
        answer = await self.http.post(f"/webhooks/gitea?token={CANARY}", content=body, headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (202, "stored")


async def traced_world(
    stack: AsyncExitStack, steady: Client, folder: Path, traces: TracerProvider, *, is_dispatching: bool = True
) -> TracedWorld:
    """Its worker is not started yet."""
    client = await Client.connect(
        steady.service_client.config.target_host,
        data_converter=pydantic_data_converter,
        interceptors=tracing_interceptors(traces),
    )
    world = TracedWorld(client, folder, traces)
    database = await open_database(f"sqlite+aiosqlite:///{folder}/catalyst.db")
    stack.push_async_callback(database.aclose)
    parts = ApiParts(
        settings=Settings(gitea=GiteaSettings(webhook_secret=SecretStr(SECRET))),
        deliveries=Deliveries(database),
        index=DatabaseIndex(database),
        tokens=Tokens(database),
        audit=DatabaseAudit(database),
        overrides=DatabaseOverrides(database),
        owners=TemporalOwners(client, world.task_queue),
        logs=world.logs,
        cluster=world.cluster,
    )
    app = create_app(parts, traces)
    if is_dispatching:
        await stack.enter_async_context(app.router.lifespan_context(app))
    world.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test")
    stack.push_async_callback(world.http.aclose)
    stack.push_async_callback(world.stop_worker)
    return world


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Any:
    with collector() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield made


@pytest_asyncio.fixture
async def traced(sink: Collector, steady_client: Client, tmp_path: Path) -> AsyncIterator[TracedWorld]:
    async with tracing("catalyst-test") as traces, AsyncExitStack() as stack:
        world = await traced_world(stack, steady_client, tmp_path, traces)
        await world.start_worker()
        yield world
        await world.stop_worker()
        await world.replay()


# --- what the collector got --------------------------------------------------------------------------------------


def webhooks(sink: Collector) -> list[str]:
    """Their traces, in order."""
    found = sorted((each for each in sink.spans if each.name == "POST /webhooks/gitea"), key=lambda each: each.start)
    return [each.trace for each in found]


async def until_in_trace(world: World, sink: Collector, trace: int, *expected: str) -> str:
    """The trace of the webhook with this number, once it has spans of these names, each below its parent."""

    def are_there() -> bool:
        if len(webhooks(sink)) <= trace or not names(sink, webhooks(sink)[trace]) >= set(expected):
            return False
        return orphans(sink, webhooks(sink)[trace]) == []  # a parent ends, and so arrives, after its children

    await world.until(are_there, lambda: "\n\n".join(sink.tree(each) for each in webhooks(sink)))
    return webhooks(sink)[trace]


def names(sink: Collector, trace: str) -> set[str]:
    return {each.name for each in sink.of_trace(trace)}


def orphans(sink: Collector, trace: str) -> list[Seen]:
    """Whose parent isn't in the trace."""
    spans = sink.of_trace(trace)
    known = {each.id for each in spans}
    return [each for each in spans if each.parent and each.parent not in known]


def path_to(sink: Collector, trace: str, name: str) -> list[str]:
    """Names from the root to the last span of that name."""
    spans = {each.id: each for each in sink.of_trace(trace)}
    at: Seen | None = [each for each in spans.values() if each.name == name][-1]
    path: list[str] = []
    while at is not None:
        path.insert(0, at.name)
        at = spans.get(at.parent)
    return path


def commits(sink: Collector, trace: str) -> set[str]:
    """That something was done for. A push is told on at once, with the older commit's state."""
    done = [each for each in sink.of_trace(trace) if each.name != "RunActivity:report"]
    return {each.attributes["catalyst.sha"] for each in done if "catalyst.sha" in each.attributes}


async def roll_out(world: TracedWorld, sink: Collector) -> Preview:
    """Opened and Ready, and its trace with the collector."""
    preview = world.opened_unheard(FILES)
    await world.webhook(preview, "opened")
    await preview.becomes(Phase.READY, A)
    await until_in_trace(world, sink, 0, "probe.get", "CompleteWorkflow:RolloutWorkflow")
    return preview


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
    assert path_to(sink, trace, "probe.get") == WAY
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
    assert path_to(sink, pushed, "probe.get") == WAY
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
    assert path_to(sink, pushed, "probe.get") == WAY
    opened = webhooks(sink)[0]
    assert "probe.get" not in names(sink, opened)
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
    assert path_to(sink, opened, "probe.get") == WAY
    assert names(sink, labelled) == {"POST /webhooks/gitea", "hand on webhook", "SignalWorkflow:look"}


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


async def test_what_comes_of_it_is_counted_once(traced: TracedWorld, sink: Collector) -> None:
    """Every task of these workflows replays from the start."""
    counts: tuple[tuple[str, dict[str, str]], ...] = (
        ("catalyst_time_to_url_seconds_count", {}),
        ("catalyst_rollout_seconds_count", {"result": "ready"}),
    )
    before = [REGISTRY.get_sample_value(name, labels) or 0 for name, labels in counts]
    preview = await roll_out(traced, sink)
    preview.push_unheard(B, FILES)
    await traced.webhook(preview, "synchronized")
    await preview.becomes(Phase.READY, B)
    await traced.webhook(preview, "label_updated")
    await until_in_trace(traced, sink, 2, "SignalWorkflow:look")

    def counted() -> list[float]:
        after = [REGISTRY.get_sample_value(name, labels) or 0 for name, labels in counts]
        return [now - then for now, then in zip(after, before, strict=True)]

    await traced.until(lambda: counted() == [2, 2], lambda: f"two of each; it is {counted()}")
