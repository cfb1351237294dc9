"""A real Temporal server with a clock of its own per workflow, and the real activities over fake gateways."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.pull_request import PullRequestActivities
from gateways.cluster.fake import InMemoryCluster
from gateways.forge.fake import InMemoryForge
from tests.workflows.driver import PullRequestDriver
from workflows.pull_request import PullRequestWorkflow


@pytest_asyncio.fixture(scope="session")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    server = Path(sys.executable).parent / "temporal"
    flag = ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
    async with await WorkflowEnvironment.start_time_skipping_v2(
        data_converter=pydantic_data_converter, dev_server_existing_path=str(server), dev_server_extra_args=flag
    ) as environment:
        yield environment


@pytest.fixture
def forge() -> InMemoryForge:
    return InMemoryForge()


@pytest.fixture
def cluster() -> InMemoryCluster:
    return InMemoryCluster()


@pytest_asyncio.fixture
async def preview(
    temporal: WorkflowEnvironment, forge: InMemoryForge, cluster: InMemoryCluster
) -> AsyncIterator[PullRequestDriver]:
    driver = PullRequestDriver(temporal, forge, cluster)
    activities = PullRequestActivities(forges={forge.name: forge}, cluster=cluster)
    async with Worker(
        temporal.client,
        task_queue=driver.task_queue,
        workflows=[PullRequestWorkflow],
        activities=[activities.look, activities.declare, activities.remove],
        # Every task replays from the start: what isn't deterministic fails here and not in production.
        max_cached_workflows=0,
    ):
        yield driver
    await driver.replay()
