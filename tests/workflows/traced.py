"""Real API, dispatcher, Temporal and workflows over fake gateways, measured and traced as the composition roots do it."""

import hashlib
import hmac
import json
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.trace import TracerProvider
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.app import create_app
from api.parts import ApiParts
from environments.model import Phase
from settings.settings import GiteaSettings, Settings
from store.audit import DatabaseAudit
from store.database import open_database
from store.deliveries import Deliveries
from store.index import DatabaseIndex
from store.overrides import DatabaseOverrides
from store.tokens import Tokens
from telemetry.calls import observed
from telemetry.causes import tracing_interceptors
from telemetry.measuring import Measuring
from tests.otlp import Collector
from tests.workflows.world import A, Preview, World
from worker.assembly import Gateways
from worker.context import ContextInterceptor, Progress
from worker.health import create_health_app
from worker.parts import observed_gateways

SECRET = "canary-of-the-webhook-secret"
CANARY = "canary-in-what-people-write"
FILES = {"Dockerfile": f"FROM busybox:1.35\nEXPOSE 8080\nENV TOKEN={CANARY}\n"}
OUTSIDE = (
    "forge",
    "cluster",
    "product_cluster",
    "sidecars",
    "branches",
    "registry",
    "builder",
    "source",
    "probe",
    "index",
)


class TracedWorld(World):
    def __init__(self, client: Client, folder: Path, traces: TracerProvider) -> None:
        super().__init__(client, folder)
        self.traces = traces
        self.deliveries: Deliveries
        self.rows: DatabaseIndex
        self.api: httpx.AsyncClient
        health = httpx.ASGITransport(create_health_app(Progress(), 60))
        self.health = httpx.AsyncClient(transport=health, base_url="http://worker.test")

    def _gateways(self) -> Gateways:
        return observed_gateways(super()._gateways(), self.traces)

    def _worker_options(self) -> dict[str, Any]:
        return super()._worker_options() | {"interceptors": [Measuring(), ContextInterceptor(Progress())]}

    async def serve(self, stack: AsyncExitStack, folder: Path, *, is_dispatching: bool) -> None:
        """The API, with a database in the folder."""
        database = await open_database(f"sqlite+aiosqlite:///{folder}/catalyst.db")
        stack.push_async_callback(database.aclose)
        self.deliveries, self.rows = Deliveries(database), DatabaseIndex(database)
        parts = ApiParts(
            settings=Settings(gitea=GiteaSettings(webhook_secret=SecretStr(SECRET))),
            deliveries=self.deliveries,
            index=self.rows,
            tokens=Tokens(database),
            audit=DatabaseAudit(database),
            overrides=DatabaseOverrides(database),
            owners=observed(self.owners, "temporal", self.traces),
            logs=self.logs,
            cluster=self.cluster,
        )
        app = create_app(parts, self.traces)
        if is_dispatching:
            await stack.enter_async_context(app.router.lifespan_context(app))
        self.api = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test")
        stack.push_async_callback(self.api.aclose)

    def take_over(self, other: World) -> None:
        """Its outside world."""
        for name in OUTSIDE:
            setattr(self, name, getattr(other, name))

    # --- what the forge sends ------------------------------------------------------------------------------------

    async def webhook(self, preview: Preview, action: str) -> None:
        """About the pull request."""
        about = {"number": preview.key.number, "pull_request": {"number": preview.key.number, "title": CANARY}}
        await self._send(preview, "pull_request", {"action": action, **about})

    async def push_webhook(self, preview: Preview) -> None:
        """About the branch; forges send that about its pull requests seconds later."""
        for row in self.index.rows.values():  # as the worker would have written it
            await self.rows.put(row)
        await self._send(preview, "push", {"ref": "refs/heads/change"})

    async def _send(self, preview: Preview, event: str, payload: dict[str, Any]) -> None:
        about = {"repository": {"id": preview.repository.id, "full_name": CANARY}, "sender": {"login": "bob"}}
        body = json.dumps(payload | about).encode()
        headers = {
            "X-Gitea-Event": event,
            "X-Gitea-Delivery": os.urandom(8).hex(),
            "X-Gitea-Signature": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
        }
        answer = await self.api.post(f"/webhooks/gitea?token={CANARY}", content=body, headers=headers)
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
    await world.serve(stack, folder, is_dispatching=is_dispatching)
    stack.push_async_callback(world.stop_worker)
    return world


# --- what the collector got --------------------------------------------------------------------------------------


def webhooks(sink: Collector) -> list[str]:
    """Their traces, in order."""
    found = sorted((each for each in sink.spans if each.name == "POST /webhooks/gitea"), key=lambda each: each.start)
    return [each.trace for each in found]


async def until_in_trace(world: World, sink: Collector, webhook: int, *expected: str) -> str:
    """The trace of the webhook with this number, once it has spans of these names, each below its parent."""

    def are_there() -> bool:
        if len(webhooks(sink)) <= webhook or not sink.names(webhooks(sink)[webhook]) >= set(expected):
            return False
        return sink.orphans(webhooks(sink)[webhook]) == []  # a parent ends, and so arrives, after its children

    await world.until(are_there, lambda: "\n\n".join(sink.tree(each) for each in webhooks(sink)))
    return webhooks(sink)[webhook]


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
