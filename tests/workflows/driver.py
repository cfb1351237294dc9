"""The words that workflow tests are written in: opened, pushed, closed, and what must come of it."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from activities.protocols import Kind, ObjectRef
from environments import labels
from environments.model import KubernetesObject, PullRequestKey
from environments.names import pull_request_workflow_id
from environments.work import Request
from gateways.cluster.fake import InMemoryCluster
from gateways.forge.fake import InMemoryForge
from workflows.messages import PullRequestInput, PullRequestResult, PullRequestSnapshot
from workflows.pull_request import PullRequestWorkflow

PATIENCE_SECONDS = 30
"""Far more than anything here takes: what doesn't come by then never comes."""


class PullRequestDriver:
    def __init__(self, temporal: WorkflowEnvironment, forge: InMemoryForge, cluster: InMemoryCluster) -> None:
        self.temporal = temporal
        self.forge = forge
        self.cluster = cluster
        self.task_queue = f"test-{uuid.uuid4()}"
        self._run = uuid.uuid4().hex
        self._handle: WorkflowHandle[PullRequestWorkflow, PullRequestResult] | None = None

    @property
    def handle(self) -> WorkflowHandle[PullRequestWorkflow, PullRequestResult]:
        assert self._handle is not None, "start() comes first"
        return self._handle

    async def start(self, key: PullRequestKey, *, skip_time: bool = False) -> None:
        """As a webhook does; `skip_time`: the clock runs ahead whenever the workflow only waits."""
        if skip_time:
            await self._start(key)
            return
        with self.temporal.with_time_skipping_disabled():
            await self._start(key)

    async def _start(self, key: PullRequestKey) -> None:
        self._handle = await self.temporal.client.start_workflow(
            PullRequestWorkflow.run,
            PullRequestInput(key=key),
            id=f"{pull_request_workflow_id(key)}/{self._run}",
            task_queue=self.task_queue,
        )

    async def hint(self) -> None:
        """A webhook says: look."""
        await self.handle.signal(PullRequestWorkflow.look, Request(delivery=uuid.uuid4().hex))

    async def snapshot(self) -> PullRequestSnapshot:
        return await self.handle.query(PullRequestWorkflow.snapshot)

    async def message_is(self, reason: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (message := (await self.snapshot()).message) is None or message.reason != reason:
                await asyncio.sleep(0.05)

    def environments(self) -> list[KubernetesObject]:
        return self.cluster.objects("Environment")

    def declared_commits(self) -> list[str]:
        return [obj["spec"]["sources"][0]["commitSha"] for obj in self.environments()]

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                await asyncio.sleep(0.02)

    def is_being_removed(self) -> bool:
        return any("deletionTimestamp" in obj["metadata"] for obj in self.environments())

    async def finish_teardown(self) -> None:
        """What the environment's own workflow does last: let the resource go."""
        for obj in self.environments():
            ref = ObjectRef(
                Kind(labels.API_VERSION, "Environment"), obj["metadata"]["namespace"], obj["metadata"]["name"]
            )
            await self.cluster.patch(ref, {"metadata": {"finalizers": None}})

    async def result(self) -> PullRequestResult:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.handle.result()

    async def is_running(self) -> bool:
        description = await self.handle.describe()
        return description.status is not None and description.status.name == "RUNNING"

    async def replay(self) -> None:
        """Every history that a test made must replay."""
        if self._handle is not None:
            history = await self._handle.fetch_history()
            replayer = Replayer(workflows=[PullRequestWorkflow], data_converter=pydantic_data_converter)
            await replayer.replay_workflow(history)
