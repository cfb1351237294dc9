"""`python -m worker`: runs the workflows and their activities until SIGTERM or SIGINT."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import timedelta
from functools import partial

import uvicorn
from opentelemetry.trace import TracerProvider
from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from gateways.temporal.connection import connect_temporal
from settings.logging import configure_logging
from settings.settings import Settings, load_settings
from store.logs import FileLogs
from telemetry.causes import tracing_interceptors
from telemetry.measuring import Measuring
from telemetry.tracing import tracing
from worker.assembly import WORKFLOWS, Gateways, assemble
from worker.context import ContextInterceptor, Progress
from worker.health import create_health_app
from worker.parts import open_gateways, options_of
from worker.running import running
from worker.schedule import ensure_schedule
from worker.watch import watch_for_ever
from workflows.calling import builds_queue

LOG = logging.getLogger("catalyst.worker")
CONNECT_AGAIN_SECONDS = 2.0
STUCK_AFTER = 4
"""Reconcile intervals without any finished activity."""
WORKFLOW_TASKS_AT_ONCE = 8
"""They only compute. After a restart every workflow is replayed: all of them at once would each take longer than the ten
seconds of a workflow task, and begin again and again."""
CLOSING = timedelta(seconds=3)
"""For a worker's last answers, after its activities' grace."""
BEAT = timedelta(seconds=1)
"""Heartbeats are passed on this often: a cancellation reaches an activity no later."""


async def main() -> None:
    settings = load_settings()
    configure_logging(settings.logs)
    stop = _stop_on_signals()
    async with tracing("catalyst-worker") as traces, open_gateways(settings, traces) as gateways:
        client = await _connect(stop, traces, _runtime(settings))
        if client is None:
            return
        progress = Progress()
        async with AsyncExitStack() as stack:
            for worker in _workers(client, settings, gateways, progress):
                await stack.enter_async_context(running(worker, settings.worker.graceful_shutdown + CLOSING))
            await ensure_schedule(client, settings.task_queue, settings.worker.reconcile_every)
            beside = [
                asyncio.create_task(
                    watch_for_ever(
                        gateways.cluster, gateways.sidecars, gateways.owners, f"{socket.gethostname()}/{os.getpid()}"
                    )
                ),
                asyncio.create_task(_serve_health(settings, progress)),
                asyncio.create_task(_keep_house(settings)),
            ]
            LOG.info("worker runs", extra={"task_queue": settings.task_queue})
            await _until_stopped(stop, beside)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _runtime(settings: Settings) -> Runtime | None:
    """With Temporal's own metrics, where they are wanted. Raises SystemExit when nothing can listen there."""
    address = settings.worker.temporal_metrics
    if not address:
        return None
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=address)))
    except (ValueError, RuntimeError) as error:
        text = (
            f"CATALYST_WORKER__TEMPORAL_METRICS: nothing can listen on {address}; set a free <address>:<port>. {error}"
        )
        raise SystemExit(text) from error


async def _connect(stop: asyncio.Event, traces: TracerProvider, runtime: Runtime | None) -> Client | None:
    """Temporal may come up later than we do; None: stopped before it did."""
    while not stop.is_set():
        try:
            return await connect_temporal(tracing_interceptors(traces), runtime=runtime)
        except RuntimeError as error:
            LOG.warning("Temporal can't be reached yet: %s", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), CONNECT_AGAIN_SECONDS)
    return None


def _workers(client: Client, settings: Settings, gateways: Gateways, progress: Progress) -> list[Worker]:
    activities = assemble(gateways, options_of(settings))
    worker = partial(
        Worker,
        client,
        interceptors=[Measuring(), ContextInterceptor(progress)],
        graceful_shutdown_timeout=settings.worker.graceful_shutdown,
        max_heartbeat_throttle_interval=BEAT,
        default_heartbeat_throttle_interval=BEAT,
    )
    return [
        worker(
            task_queue=settings.task_queue,
            workflows=WORKFLOWS,
            activities=activities.common,
            workflow_runner=UnsandboxedWorkflowRunner(),  # decision 19
            max_cached_workflows=settings.worker.max_cached_workflows,
            max_concurrent_workflow_tasks=WORKFLOW_TASKS_AT_ONCE,
        ),
        worker(
            task_queue=builds_queue(settings.task_queue),
            activities=activities.builds,
            max_concurrent_activities=settings.worker.concurrent_builds,
        ),
    ]


class _QuietServer(uvicorn.Server):
    """Leaves signals to the worker, which ends it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve_health(settings: Settings, progress: Progress) -> None:
    most = settings.worker.reconcile_every.total_seconds() * STUCK_AFTER
    config = uvicorn.Config(
        create_health_app(progress, most),
        host=settings.worker.health_host,
        port=settings.worker.health_port,
        log_level="warning",
        lifespan="off",
    )
    server = _QuietServer(config)
    try:
        await server.serve()
    finally:
        server.should_exit = True


async def _keep_house(settings: Settings) -> None:
    """Old logs go once a day."""
    logs = FileLogs(settings.logs.folder)
    while True:
        try:
            removed = await asyncio.to_thread(logs.remove_older_than, settings.logs.keep_days)
        except OSError as error:
            LOG.warning("old logs could not be removed: %s; they are tried again tomorrow", error)
        else:
            LOG.info("removed %d old logs", removed)
        await asyncio.sleep(timedelta(days=1).total_seconds())


async def _until_stopped(stop: asyncio.Event, beside: list[asyncio.Task[None]]) -> None:
    """Whatever runs beside the worker and dies takes the process with it, so that its supervisor sees it."""
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([waiting, *beside], return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, *beside):
        task.cancel()
    for task in done - {waiting}:
        task.result()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
