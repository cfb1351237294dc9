"""Upgrades: another worker takes over while environments are in flight (issue 5; that its code still understands them is tests/replay's)."""

import asyncio

from environments.model import Phase
from tests.workflows.world import A, World

LIVE = 20


async def test_a_rolling_restart_disturbs_none_of_twenty_rollouts(world: World) -> None:
    world.builder.hangs.add("build")
    previews = [await world.open(name=f"shop-{number}") for number in range(LIVE)]
    await asyncio.gather(*(preview.becomes(Phase.BUILDING) for preview in previews))
    await world.replace_worker()
    world.builder.heal()
    reports = await asyncio.gather(*(preview.becomes(Phase.READY, A) for preview in previews))
    assert {report.rollout for report in reports} == {1}, "the attempts went on instead of beginning anew"
    for preview in previews:
        await preview.close()
    await asyncio.gather(*(preview.is_over() for preview in previews))
