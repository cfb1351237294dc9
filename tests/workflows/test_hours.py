"""What takes hours in life and seconds here: teardowns that fail, deadlines, long histories."""

import asyncio
from datetime import timedelta
from functools import partial

from activities.protocols import GatewayError
from environments.model import Phase
from environments.report import TEARDOWN_BLOCKED
from environments.work import Request
from tests.workflows.world import A, Preview, World

SKIPPING_SECONDS = 240
"""Real seconds: each skip of the clock takes about one."""


async def test_a_teardown_that_fails_for_an_hour_and_then_works(fast_world: World) -> None:
    preview = await fast_world.open()
    await preview.becomes(Phase.READY, A)
    fast_world.registry.fail_next("repositories", GatewayError("The registry doesn't answer."), times=10**6)
    began = await fast_world.now(preview.environment_workflow)
    await preview.close()
    await fast_world.until(lambda: "The registry doesn't answer" in preview.report.message, "the reason is told")
    async with asyncio.timeout(SKIPPING_SECONDS):
        while await fast_world.now(preview.environment_workflow) - began < timedelta(hours=1):
            await asyncio.sleep(0.2)
    assert preview.resource is not None, "the finalizer stays until all is gone"
    fast_world.registry.heal()
    await preview.is_over(within=SKIPPING_SECONDS)


async def test_what_blocks_a_teardown_is_told_until_it_goes(fast_world: World) -> None:
    preview = await fast_world.open()
    await preview.becomes(Phase.READY, A)
    fast_world.cluster.hang_namespaces = True
    began = await fast_world.now(preview.environment_workflow)
    await preview.close()
    async with asyncio.timeout(SKIPPING_SECONDS):
        while await fast_world.now(preview.environment_workflow) - began < timedelta(minutes=8):
            await asyncio.sleep(0.2)
    await preview.comment_says("Closed. It is not gone after 5 minutes.")
    assert preview.report.reason == TEARDOWN_BLOCKED, "looking again takes nothing back"
    fast_world.cluster.hang_namespaces = False
    await preview.is_over(within=SKIPPING_SECONDS)


async def test_past_five_minutes_what_blocks_is_found_taken_off_and_told(fast_world: World) -> None:
    preview = await fast_world.open()
    await preview.becomes(Phase.READY, A)
    await fast_world.cluster.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "stuck", "namespace": preview.namespace, "finalizers": ["example.com/never"]},
        }
    )
    await preview.close()
    await preview.is_over(within=SKIPPING_SECONDS)
    told = [(each.action, each.subject, each.detail) for each in fast_world.audit.entries]
    assert ("took off finalizer", f"{preview.namespace}/stuck", {"finalizer": "example.com/never"}) in told


async def test_a_long_life_continues_as_new_and_forgets_nothing(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    first = (await preview.pull_request_workflow.describe()).run_id
    await preview.pull_request_workflow.execute_update("close", Request(by="alice", reason="too expensive"))
    await preview.is_gone()
    for _ in range(200):
        await preview.hear_opened()
        if (await preview.pull_request_workflow.describe()).run_id != first:
            break
        await asyncio.sleep(0.1)
    assert (await preview.pull_request_workflow.describe()).run_id != first
    assert (await preview.snapshot()).state.wishes.stopped_by == "alice"
    await preview.close()
    await preview.is_over()


async def test_an_environment_continues_as_new_only_between_rollouts_and_counts_on(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    first, number = (await preview.environment_workflow.describe()).run_id, 1
    while (await preview.environment_workflow.describe()).run_id == first and number < 20:
        number += 1
        await preview.environment_workflow.execute_update("retry", Request(by="bob"))
        await world.until(partial(_is_ready, preview, number))
    assert (await preview.environment_workflow.describe()).run_id != first
    assert (await preview.environment_snapshot()).state.rollout == number
    await preview.close()
    await preview.is_over()


def _is_ready(preview: Preview, rollout: int) -> bool:
    return preview.report.rollout == rollout and preview.report.phase is Phase.READY
