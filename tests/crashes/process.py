"""The process that gets killed: the product's worker, whose outside world lives in the test."""

import asyncio
import os
import signal
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    UnsandboxedWorkflowRunner,
    Worker,
)

from activities.protocols import BuildRequest, GatewayError, LogWriter
from gateways.temporal.owners import TemporalOwners
from store.logs import FileLogs
from tests.crashes.limits import ShortLimits
from tests.crashes.rpc import Remote
from worker.assembly import WORKFLOWS, Activities, Gateways, Options, assemble
from worker.watch import watch_for_ever
from workflows import environment
from workflows.calling import builds_queue

BEAT = timedelta(seconds=0.2)
STICKY = timedelta(seconds=1)
"""How long a task waits for a worker that is dead; 10 s otherwise."""


@dataclass(frozen=True)
class Place:
    """Where the process finds its world."""

    socket: Path
    logs: Path
    temporal: str
    """host:port."""
    task_queue: str


def run(place: Place) -> None:
    """Until it is killed."""
    asyncio.run(_run(place))


async def _run(place: Place) -> None:
    # Or a scenario would be over before what its rollout left is checked, and nothing be killed at that.
    environment.AFTER_ROLLOUT = timedelta()
    client = await Client.connect(place.temporal, data_converter=pydantic_data_converter)
    gateways = _gateways(place, client)
    activities = assemble(gateways, Options(teardown_patience=timedelta(seconds=1)))
    common, builds = _workers(place, client, activities)
    async with common, builds:
        await watch_for_ever(gateways.cluster, gateways.sidecars, gateways.owners, f"worker/{os.getpid()}")


def _workers(place: Place, client: Client, activities: Activities) -> tuple[Worker, Worker]:
    options: dict[str, Any] = {
        "interceptors": [Mortal(Remote(place.socket, "fate")), ShortLimits()],
        "default_heartbeat_throttle_interval": BEAT,
        "max_heartbeat_throttle_interval": BEAT,
    }
    common = Worker(
        client,
        task_queue=place.task_queue,
        workflows=WORKFLOWS,
        activities=activities.common,
        # A worker starts hundreds of times here.
        workflow_runner=UnsandboxedWorkflowRunner(),
        sticky_queue_schedule_to_start_timeout=STICKY,
        **options,
    )
    return common, Worker(client, task_queue=builds_queue(place.task_queue), activities=activities.builds, **options)


def _gateways(place: Place, client: Client) -> Gateways:
    def there(name: str) -> Any:
        return Remote(place.socket, name)

    return Gateways(
        cluster=there("cluster"),
        forges={"gitea": there("forge")},
        source=there("source"),
        builder=RemoteBuilder(there("building")),
        registry=there("registry"),
        sidecars=there("sidecars"),
        branches=there("branches"),
        probe=there("probe"),
        logs=FileLogs(place.logs),
        index=there("index"),
        audit=there("audit"),
        owners=TemporalOwners(client, place.task_queue),
    )


class Mortal(Interceptor):
    """kill -9 of this process where fate says so."""

    def __init__(self, fate: Any) -> None:
        self._fate = fate

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Activity(next, self._fate)


class _Activity(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, fate: Any) -> None:
        super().__init__(next)
        self._fate = fate

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        await self._die_if_told(is_after=False)
        try:
            result = await self.next.execute_activity(input)
        except Exception:
            # An effect that failed is an effect too: a build that wrote its log.
            await self._die_if_told(is_after=True)
            raise
        await self._die_if_told(is_after=True)
        return result

    async def _die_if_told(self, is_after: bool) -> None:
        if await self._fate.is_to_die(activity.info().activity_type, is_after):
            os.kill(os.getpid(), signal.SIGKILL)


class RemoteBuilder:
    """Implements Builder; a log writer isn't picklable, so the output comes back with the answer."""

    def __init__(self, building: Any) -> None:
        self._building = building

    async def build(self, request: BuildRequest, output: LogWriter) -> str:
        answer, said = await self._building.build(request)
        output.write(said)
        if isinstance(answer, GatewayError):
            raise answer
        return str(answer)
