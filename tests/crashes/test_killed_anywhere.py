"""kill -9 of the worker before and after every activity of every scenario: the end is that of the undisturbed run (issue 5).

Which activities there are is read from the recorded history of an undisturbed run. By default a sample of the kill points;
`make crashes` (CATALYST_EVERY_CRASH=1) runs all of them (256 on 2026-11-25), in some 20 minutes on two busy cores.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from temporalio.client import Client, WorkflowHandle

from tests.crashes.endstate import EndState, difference, end_state, is_quiet
from tests.crashes.fate import KillPoint
from tests.crashes.scenarios import SCENARIOS, Scenario
from tests.crashes.world import MortalWorld
from tests.workflows.world import Preview

IS_EVERY = os.environ.get("CATALYST_EVERY_CRASH") == "1"
EACH = 5
"""The ordinary run kills at every fifth activity of a scenario."""
AT_ONCE = int(os.environ.get("CATALYST_CRASHES_AT_ONCE", "8"))
"""Most of the time everybody waits for a lost activity to be noticed."""
LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 300
"""For one run on a machine that is busy with others."""


class Undisturbed(NamedTuple):
    end: EndState
    made: Counter[tuple[str, str]]
    audited: Counter[tuple[str, str]]
    points: Sequence[KillPoint]


class Killed(NamedTuple):
    scenario: str
    point: KillPoint
    was_killed: bool
    """False: this run came to its end with fewer executions of that activity."""
    problem: str

    @property
    def kind(self) -> tuple[str, str, bool]:
        return self.scenario, self.point.activity, self.point.is_after


async def test_the_end_is_that_of_the_undisturbed_run(steady_client: Client, tmp_path: Path) -> None:
    began, slots = time.monotonic(), asyncio.Semaphore(AT_ONCE)
    trials = [Trial(name, number, steady_client, tmp_path / name, slots) for number, name in enumerate(SCENARIOS)]
    done = [each for killed in await asyncio.gather(*(trial.run() for trial in trials)) for each in killed]
    killed = [each for each in done if each.was_killed]
    print(f"{len(killed)} of {len(done)} kill points in {time.monotonic() - began:.0f} s")
    assert not [f"{each.scenario}, {each.point}: {each.problem}" for each in done if each.problem]
    # How often the newest state is told differs from run to run, but everything that is done was once killed at.
    assert {each.kind for each in killed} == {each.kind for each in done}


class Trial:
    """One scenario, undisturbed and then once for each of its kill points."""

    def __init__(self, name: str, number: int, client: Client, folder: Path, slots: asyncio.Semaphore) -> None:
        self._name, self._number = name, number
        self._scenario = SCENARIOS[name]
        self._client, self._folder, self._slots = client, folder, slots

    async def run(self) -> Sequence[Killed]:
        self._folder.mkdir()
        async with self._slots:
            undisturbed = await _undisturbed(self._scenario, self._client, self._folder / "undisturbed")
        points = undisturbed.points if IS_EVERY else _sample(undisturbed.points, self._number)
        return await asyncio.gather(*(self._kill(point, undisturbed) for point in points))

    async def _kill(self, point: KillPoint, undisturbed: Undisturbed) -> Killed:
        async with self._slots, _world(self._client, self._folder / str(point)) as world:
            preview = await _before(self._scenario, world)
            world.fate.arm(point)
            try:
                await _act_out(self._scenario, world, preview, undisturbed.end)
            except AssertionError as error:
                return Killed(self._name, point, world.fate.is_fulfilled, str(error))
            return Killed(self._name, point, world.fate.is_fulfilled, _repeated(world, preview, undisturbed))


async def _undisturbed(scenario: Scenario, client: Client, folder: Path) -> Undisturbed:
    async with _world(client, folder) as world:
        preview = await _before(scenario, world)
        before = await _scheduled(preview)
        await _act_out(scenario, world, preview)
        counts = await _scheduled(preview) - before
        points = [
            KillPoint(activity, number, is_after)
            for activity, total in counts.items()
            for number in range(1, total + 1)
            for is_after in (False, True)
        ]
        return Undisturbed(await end_state(world, preview), _made(world), _audited(world), points)


async def _act_out(scenario: Scenario, world: MortalWorld, preview: Preview, expected: EndState | None = None) -> None:
    """Until nobody has anything left to do, and the end is the expected one."""
    await scenario.act(preview)
    found: EndState = {}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await is_quiet(preview) or expected not in (None, found):
                await asyncio.sleep(LOOK_SECONDS)
                found = await end_state(world, preview)
    except TimeoutError as error:
        raise AssertionError(f"never came to the same end: {difference(found, expected or {})}") from error


async def _before(scenario: Scenario, world: MortalWorld) -> Preview:
    preview = await scenario.before(world)
    while not await is_quiet(preview):
        await asyncio.sleep(LOOK_SECONDS)
    return preview


def _repeated(world: MortalWorld, preview: Preview, undisturbed: Undisturbed) -> str:
    """What was done more often than it may be; empty when all was done once or harmlessly twice."""
    if _made(world) != undisturbed.made:
        return f"made {_made(world)} instead of {undisturbed.made}"
    audited = _audited(world)
    is_right = audited.keys() == undisturbed.audited.keys() and not audited - undisturbed.audited - undisturbed.audited
    return "" if is_right else f"audited {audited} instead of {undisturbed.audited}"


def _made(world: MortalWorld) -> Counter[tuple[str, str]]:
    return Counter((kind, name.replace(world.team, "TEAM")) for kind, name in world.made)


def _audited(world: MortalWorld) -> Counter[tuple[str, str]]:
    return Counter((each.action, each.subject.replace(world.team, "TEAM")) for each in world.audit.entries)


async def _scheduled(preview: Preview) -> Counter[str]:
    """Activities by name, in the histories of all workflows of that pull request."""
    found: Counter[str] = Counter()
    async for execution in preview.world.client.list_workflows(f"TaskQueue = '{preview.world.task_queue}'"):
        handle: WorkflowHandle[object, object] = preview.world.client.get_workflow_handle(
            execution.id, run_id=execution.run_id
        )
        async for event in handle.fetch_history_events():
            if event.HasField("activity_task_scheduled_event_attributes"):
                found[event.activity_task_scheduled_event_attributes.activity_type.name] += 1
    return found


def _sample(points: Sequence[KillPoint], number: int) -> Sequence[KillPoint]:
    """Of each scenario other activities, after their effect, which is the harder half."""
    first = [each for each in points if each.number == 1 and each.is_after]
    return first[number % EACH :: EACH]


@asynccontextmanager
async def _world(client: Client, folder: Path) -> AsyncIterator[MortalWorld]:
    folder.mkdir()
    world = MortalWorld(client, folder)
    await world.start_worker()
    try:
        yield world
    finally:
        await world.stop_worker()
