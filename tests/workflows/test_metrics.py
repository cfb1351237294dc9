"""What Prometheus finds at the API's and the worker's /metrics after real lives."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest_asyncio
from opentelemetry.trace import NoOpTracerProvider
from prometheus_client.parser import text_string_to_metric_families
from temporalio.client import Client

from environments import labels
from environments.model import Phase
from tests.workflows.traced import FILES, TracedWorld, traced_world
from tests.workflows.world import A, B, Preview

STEPS = ("source", "build", "deploy", "ready")
Samples = dict[str, float]
"""By name and sorted labels: `catalyst_leaks{kind="volume"}`."""


@pytest_asyncio.fixture
async def measured(steady_client: Client, tmp_path: Path) -> AsyncIterator[TracedWorld]:
    async with AsyncExitStack() as stack:
        world = await traced_world(stack, steady_client, tmp_path, NoOpTracerProvider())
        await world.start_worker()
        yield world


async def scrape(process: httpx.AsyncClient) -> Samples:
    families = text_string_to_metric_families((await process.get("/metrics")).text)
    samples = [each for family in families for each in family.samples]
    return {each.name + _written(each.labels): each.value for each in samples}


def _written(found: dict[str, str]) -> str:
    pairs = ",".join(f'{name}="{value}"' for name, value in sorted(found.items()))
    return f"{{{pairs}}}" if pairs else ""


async def live(world: TracedWorld) -> Preview:
    """Opened, pushed to, labelled, closed; a task of its workflows replays from the start each time."""
    preview = world.opened_unheard(FILES)
    await world.webhook(preview, "opened")
    await preview.becomes(Phase.READY, A)
    preview.push_unheard(B, FILES)
    await world.webhook(preview, "synchronized")
    await preview.becomes(Phase.READY, B)
    await world.webhook(preview, "label_updated")
    world.forge.close(preview.key)
    await world.webhook(preview, "closed")
    await preview.is_over()
    return preview


async def test_a_life_is_counted_once_where_it_is_scraped(measured: TracedWorld) -> None:
    before = await scrape(measured.health)
    await live(measured)
    after = await scrape(measured.health)

    def more(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert more("catalyst_time_to_url_seconds_count") == 2
    assert 0 < more("catalyst_time_to_url_seconds_sum") < measured.patience_seconds
    assert more('catalyst_rollout_seconds_count{result="ready"}') == 2
    steps = {step: more(f'catalyst_rollout_step_seconds_count{{result="done",step="{step}"}}') for step in STEPS}
    assert steps == dict.fromkeys(STEPS, 2)
    assert more("catalyst_teardown_seconds_count") == 1
    assert more("catalyst_teardowns_past_deadline_total") == 0
    assert more('catalyst_activity_seconds_count{activity="build",result="ok"}') == 2
    assert more('catalyst_gateway_call_seconds_count{call="build",gateway="buildkit",result="ok"}') == 2
    assert more('catalyst_gateway_call_seconds_count{call="checkout",gateway="git",result="ok"}') >= 2


async def test_webhooks_are_counted_at_the_api(measured: TracedWorld) -> None:
    await live(measured)
    counted = await scrape(measured.api)
    assert counted['catalyst_webhook_deliveries_total{forge="gitea",result="stored"}'] == 4
    handed = re.compile(r'catalyst_deliveries_handed_total\{result="(accepted|nobody)"\}')
    assert sum(value for name, value in counted.items() if handed.fullmatch(name)) == 4
    requests = 'catalyst_http_request_seconds_count{method="POST",route="/webhooks/gitea",status="202"}'
    assert counted[requests] == 4
    assert (counted["catalyst_deliveries_waiting"], counted["catalyst_delivery_oldest_seconds"]) == (0, 0)
    signalled = 'catalyst_gateway_call_seconds_count{call="wake_pull_request",gateway="temporal",result="ok"}'
    assert counted[signalled] >= 4


async def test_reconcile_counts_what_is_left_behind(measured: TracedWorld) -> None:
    preview = await live(measured)
    await measured.reconcile()
    kind = 'catalyst_leaks{kind="namespace"}'
    assert (await scrape(measured.health))[kind] == 0
    marks = {
        labels.MANAGED_BY: labels.MANAGER,
        labels.NAMESPACE_TYPE: "environment",
        labels.TEAM: measured.team,
        labels.PROJECT: "shop",
    }
    left = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": preview.namespace, "labels": marks}}
    await measured.cluster.create(left)
    await measured.reconcile()
    assert (await scrape(measured.health))[kind] == 1
