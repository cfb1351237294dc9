"""A real Temporal server with a clock of its own per workflow, and the whole product over fake gateways."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from tests.otlp import Collector, collector
from tests.workflows.world import World
from workflows import visibility

HISTORIES = Path(__file__).parents[1] / "replay" / "histories"
SETTINGS = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "history.transferProcessorMaxPollRPS": "2000",
    "history.timerProcessorMaxPollRPS": "2000",
    "limit.historyCount.suggestContinueAsNew": "300",
}


@pytest_asyncio.fixture(scope="session")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    server = Path(sys.executable).parent / "temporal"
    flags = [part for name, value in SETTINGS.items() for part in ("--dynamic-config-value", f"{name}={value}")]
    async with await WorkflowEnvironment.start_time_skipping_v2(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=str(server),
        dev_server_extra_args=flags,
        search_attributes=list(visibility.ALL),
    ) as environment:
        yield environment


@pytest_asyncio.fixture(scope="session")
async def steady_client(temporal: WorkflowEnvironment) -> Client:
    """Workflows started by it live in real time."""
    return await temporal.connect_client(data_converter=pydantic_data_converter)


@pytest_asyncio.fixture
async def world(steady_client: Client, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    world = World(steady_client, tmp_path)
    await world.start_worker()
    yield world
    await world.stop_worker()
    await world.replay(_recording(request))


@pytest_asyncio.fixture
async def fast_world(temporal: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[World]:
    """The clock runs ahead whenever a workflow only waits: hours take seconds."""
    world = World(temporal.client, tmp_path, temporal)
    await world.start_worker()
    yield world
    await world.stop_worker()
    await world.replay()


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector of traces, which the environment's variables name."""
    with collector() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield made


def _recording(request: pytest.FixtureRequest) -> Path | None:
    """Where a test marked `recorded("<scenario>")` leaves its histories, when CATALYST_RECORD_HISTORIES=1 asks for it."""
    marker = request.node.get_closest_marker("recorded")
    is_asked = os.environ.get("CATALYST_RECORD_HISTORIES") == "1"
    return HISTORIES / str(marker.args[0]) if marker and is_asked else None
