"""The application: what it answers, and what runs beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import structlog
from fastapi import FastAPI
from opentelemetry.trace import TracerProvider

from activities.protocols import GatewayError
from api import commands, environments, health, logs, pull_requests, webhooks
from api.dispatcher import Dispatcher
from api.errors import install_error_handlers
from api.metrics import MeasureRequests, Metrics
from api.parts import ApiParts
from api.traces import NO_TRACES, request_traces

HOUSEKEEPING_SECONDS = 3600

log = structlog.get_logger()


def create_app(parts: ApiParts, traces: TracerProvider = NO_TRACES) -> FastAPI:
    """Serve `parts`. The dispatcher and housekeeping run for as long as the application's lifespan."""
    app = FastAPI(
        title="Catalyst",
        version=version("catalyst"),
        summary="Every pull request gets a living preview environment.",
        lifespan=_lifespan,
        telemetry=request_traces(traces),
    )
    metrics = Metrics()
    app.state.parts = parts
    app.state.metrics = metrics
    app.state.dispatcher = Dispatcher(parts.deliveries, parts.index, parts.owners, metrics, traces)
    app.add_middleware(MeasureRequests, metrics=metrics)
    install_error_handlers(app)
    for module in (webhooks, health, environments, logs, commands, pull_requests):
        app.include_router(module.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(app.state.dispatcher.run()), asyncio.create_task(_keep_house(app.state.parts))]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_house(parts: ApiParts) -> None:
    """Forget deliveries past their time, and environments that are gone and whose logs the worker has dropped."""
    while True:
        try:
            await parts.deliveries.drop_older_than(parts.settings.api.keep_deliveries)
            await parts.index.drop_deleted_before(datetime.now(UTC) - timedelta(days=parts.settings.logs.keep_days))
        except GatewayError as error:
            log.warning("housekeeping failed", error=str(error))
        await asyncio.sleep(HOUSEKEEPING_SECONDS)
