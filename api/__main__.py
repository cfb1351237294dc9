"""Composition root of the API process: `python -m api`."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
import uvloop
from opentelemetry.trace import TracerProvider

from activities.protocols import GatewayError
from api.app import create_app
from api.parts import ApiParts
from api.reviews import create_review_app
from api.serving import api_server, review_server, serve_all
from gateways.cluster.kubernetes import KubernetesCluster
from gateways.temporal.owners import TemporalOwners
from settings.logging import configure_logging
from settings.settings import Settings, load_settings
from store.audit import DatabaseAudit
from store.database import Database, open_database
from store.deliveries import Deliveries
from store.index import DatabaseIndex
from store.logs import FileLogs
from store.overrides import DatabaseOverrides
from store.tokens import Tokens
from telemetry.calls import observed
from telemetry.causes import tracing_interceptors
from telemetry.tracing import tracing

BOOTSTRAP = "bootstrap"

log = structlog.get_logger()


def main() -> int:
    settings = load_settings()
    configure_logging(settings.logs)
    try:
        uvloop.run(serve(settings))
    except GatewayError as error:
        log.error("the API can't start", error=str(error))
        return 1
    return 0


async def serve(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises GatewayError when database, kubeconfig or certificate can't be opened."""
    async with tracing("catalyst-api") as traces, _parts(settings, traces) as parts:
        servers = [api_server(create_app(parts, traces), settings.api)]
        if settings.reviews.port:
            servers.append(review_server(create_review_app(parts), settings.reviews))
        await serve_all(servers)


@asynccontextmanager
async def _parts(settings: Settings, traces: TracerProvider) -> AsyncIterator[ApiParts]:
    async with AsyncExitStack() as stack:
        database = await open_database(settings.database_url)
        stack.push_async_callback(database.aclose)
        cluster = await KubernetesCluster.connect(str(settings.kubeconfig) if settings.kubeconfig else None)
        stack.push_async_callback(cluster.aclose)
        owners = await TemporalOwners.connect(settings.task_queue, tracing_interceptors(traces))
        yield ApiParts(
            settings=settings,
            deliveries=Deliveries(database),
            index=DatabaseIndex(database),
            tokens=await _tokens(database, settings),
            audit=DatabaseAudit(database),
            overrides=DatabaseOverrides(database),
            owners=observed(owners, "temporal", traces),
            logs=FileLogs(settings.logs.folder, settings.logs.max_bytes),
            cluster=observed(cluster, "cluster", traces),
        )


async def _tokens(database: Database, settings: Settings) -> Tokens:
    tokens = Tokens(database)
    if given := settings.bootstrap_token.get_secret_value():
        await tokens.ensure(BOOTSTRAP, given)
    return tokens


if __name__ == "__main__":
    sys.exit(main())
