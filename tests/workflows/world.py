"""The whole product without its platform: real Temporal, real workflows and activities, fake gateways that passed the contracts."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import randrange
from typing import Any

from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.protocols import Answer, Kind
from egress.follower import Follower
from environments import labels
from environments.egress import Proxy
from environments.messages import COMMENT_MARKER
from environments.model import (
    CommitSha,
    EnvironmentKey,
    KubernetesObject,
    NamespaceName,
    Phase,
    PullRequestKey,
    Repository,
)
from environments.names import (
    environment_namespace,
    environment_workflow_id,
    preview_name,
    project_namespace,
    pull_request_workflow_id,
)
from environments.permissions import allows
from environments.report import EnvironmentReport
from environments.work import Request
from gateways.builder.fake import InMemoryBuilder
from gateways.cluster.authorized import AuthorizedCluster
from gateways.cluster.fake import InMemoryCluster
from gateways.forge.fake import InMemoryForge
from gateways.probe.fake import InMemoryProbe
from gateways.proxy.fake import InMemoryProxy
from gateways.registry.fake import InMemoryRegistry
from gateways.sidecar.fake import InMemorySidecars
from gateways.source.fake import InMemorySource
from gateways.source.fake_branches import InMemoryBranches
from gateways.temporal.owners import TemporalOwners
from store.fake import InMemoryAudit, InMemoryIndex
from store.logs import FileLogs
from tests.patience import PATIENCE_SECONDS, ends
from worker.assembly import WORKFLOWS, Gateways, Options, assemble
from worker.running import running
from worker.watch import watch_for_ever
from workflows.calling import builds_queue
from workflows.environment import EnvironmentWorkflow
from workflows.messages import EnvironmentSnapshot, PullRequestSnapshot
from workflows.pull_request import PullRequestWorkflow
from workflows.reconcile import ReconcileWorkflow

BEAT = timedelta(seconds=0.2)
CLOSING = timedelta(seconds=10)
NODE = {"package.json": '{"scripts": {"dev": "node server.js"}}', "package-lock.json": "{}", "server.js": ""}
DOCKERFILE = {"Dockerfile": "FROM busybox:1.35\nEXPOSE 8080\n"}
A, B, C = "a" * 40, "b" * 40, "c" * 40
PROXY = Proxy(address="10.0.0.9", first_port=20000, ports=100, secret="s")


class World:
    patience_seconds = PATIENCE_SECONDS
    cached_workflows = 200
    """That every history replays from its start is asked at the end of each test: it would be most of the work at every task."""
    look_seconds = 0.02
    """Between two looks at a condition."""

    def __init__(self, client: Client, folder: Path, temporal: WorkflowEnvironment | None = None) -> None:
        self.client = client
        self._temporal = temporal
        self.forge = InMemoryForge()
        # One Temporal server serves all tests: ids of repositories and names of teams are this test's own.
        self.forge._ids = count(randrange(1, 10**12))
        self.cluster = InMemoryCluster()
        """As its operator sees it; the product sees it through its role."""
        self.product_cluster = AuthorizedCluster(self.cluster, self._authorize)
        self.asked: set[tuple[str, str, str]] = set()
        """What the product asked the cluster for: verb, API group, kind with subresource."""
        self.sidecars = InMemorySidecars(self.cluster, self._authorize)
        self.branches = InMemoryBranches(self.forge)
        self.registry = InMemoryRegistry()
        self.builder = InMemoryBuilder(self.registry)
        self.forward_proxy = InMemoryProxy()
        self.source = InMemorySource(folder / "source")
        self.probe = InMemoryProbe(Answer(200, "hello"))
        self.logs = FileLogs(folder / "logs")
        self.index, self.audit = InMemoryIndex(), InMemoryAudit()
        self.task_queue = f"test-{uuid.uuid4()}"
        self.team = f"t{uuid.uuid4().hex[:8]}"
        self.owners = TemporalOwners(client, self.task_queue)
        self.options = Options(teardown_patience=timedelta(seconds=1))
        """Of the next worker that starts."""
        self._stack: AsyncExitStack | None = None

    def _authorize(self, verb: str, group: str, kind: str, namespace: str | None, subresource: str) -> bool:
        self.asked.add((verb, group, f"{kind}/{subresource}" if subresource else kind))
        return allows(verb, group, kind, namespace, subresource)

    # --- the worker ----------------------------------------------------------------------------------------------

    async def start_worker(self, client: Client | None = None) -> None:
        """`client`: a connection of its own; the world's when None."""
        client = client or self.client
        activities = assemble(self._gateways(), self.options)
        self._stack = AsyncExitStack()
        common = self._worker_options()
        worker = Worker(
            client,
            task_queue=self.task_queue,
            workflows=WORKFLOWS,
            activities=activities.common,
            workflow_failure_exception_types=[AssertionError],
            **common,
        )
        await self._stack.enter_async_context(running(worker, CLOSING))
        builds = Worker(client, task_queue=builds_queue(self.task_queue), activities=activities.builds, **common)
        await self._stack.enter_async_context(running(builds, CLOSING))
        await self._stack.enter_async_context(
            _beside(watch_for_ever(self.product_cluster, self.sidecars, self.owners, "test"))
        )

    def _gateways(self) -> Gateways:
        return Gateways(
            cluster=self.product_cluster,
            forges={self.forge.name: self.forge},
            source=self.source,
            builder=self.builder,
            registry=self.registry,
            sidecars=self.sidecars,
            branches=self.branches,
            probe=self.probe,
            logs=self.logs,
            index=self.index,
            audit=self.audit,
            owners=self.owners,
        )

    def _worker_options(self) -> dict[str, Any]:
        beats = {"default_heartbeat_throttle_interval": BEAT, "max_heartbeat_throttle_interval": BEAT}
        runner = UnsandboxedWorkflowRunner()
        return {"max_cached_workflows": self.cached_workflows, "workflow_runner": runner, **beats}

    async def close_outside(self, *, is_followed: bool = True) -> None:
        """From now on environments get out by the forward proxy only. `is_followed`: its process runs."""
        await self.stop_worker()
        self.options = replace(self.options, proxy=PROXY)
        await self.start_worker()
        if is_followed:
            await self.follow_egress()

    async def follow_egress(self) -> None:
        """`python -m egress`, until the worker stops."""
        assert self._stack is not None
        follower = Follower(self.product_cluster, PROXY, self.forward_proxy)
        await self._stack.enter_async_context(_beside(follower.follow()))

    async def stop_worker(self) -> None:
        if self._stack is not None:
            await ends(self._stack.aclose(), "the worker's shutdown")
            self._stack = None

    async def replace_worker(self) -> None:
        """The next one takes tasks before the old one ends, as in a rolling restart."""
        old = self._stack
        # Of its own: one client refuses two workers on one task queue.
        target = self.client.service_client.config.target_host
        await self.start_worker(await Client.connect(target, data_converter=pydantic_data_converter))
        if old is not None:
            await ends(old.aclose(), "the replaced worker's shutdown")

    async def until_listed(self, preview: "Preview") -> None:
        """Temporal's visibility lags a moment."""
        async with asyncio.timeout(self.patience_seconds):
            while preview.key not in {each.key for each in await self.owners.running_pull_requests() if each.sha}:
                await asyncio.sleep(self.look_seconds)

    async def reconcile(self) -> None:
        await self.client.execute_workflow(
            ReconcileWorkflow.run, id=f"reconcile-{uuid.uuid4()}", task_queue=self.task_queue
        )

    # --- what people do ------------------------------------------------------------------------------------------

    async def open(self, files: Mapping[str, str] = DOCKERFILE, sha: str = A, name: str = "shop") -> "Preview":
        """A pull request is opened and its webhook arrives."""
        preview = self.opened_unheard(files, sha, name)
        await preview.hear_opened()
        return preview

    def opened_unheard(self, files: Mapping[str, str] = DOCKERFILE, sha: str = A, name: str = "shop") -> "Preview":
        """A pull request whose webhook was lost."""
        repository = self.forge.create_repository(self.team, name)
        self.source.push(repository.id, sha, files)
        return Preview(self, repository, self.forge.open_pull_request(repository, sha))

    async def until(self, condition: Callable[[], Any], what: str | Callable[[], str] = "") -> None:
        try:
            async with asyncio.timeout(self.patience_seconds):
                while not condition():
                    await asyncio.sleep(self.look_seconds)
        except TimeoutError as error:
            text = what() if callable(what) else what
            raise AssertionError(f"never came true: {text or condition}") from error

    async def now(self, handle: WorkflowHandle[Any, Any]) -> datetime:
        """By that workflow's own clock."""
        assert self._temporal is not None, "only where time is skipped"
        info = await self._temporal.get_time_skipping_info(handle)
        assert info is not None
        return info.current_time.ToDatetime(UTC)

    async def replay(self, record_to: Path | None = None) -> None:
        """Every history that a test made must replay in the sandbox; it is kept in the folder when one is given."""
        replayer = Replayer(
            workflows=WORKFLOWS, data_converter=pydantic_data_converter, workflow_runner=SandboxedWorkflowRunner()
        )
        await replayer.replay_workflows(self._histories(record_to))

    async def _histories(self, record_to: Path | None) -> AsyncIterator[WorkflowHistory]:
        async for execution in self.client.list_workflows(f"TaskQueue = '{self.task_queue}'"):
            handle = self.client.get_workflow_handle(execution.id, run_id=execution.run_id)
            history = await handle.fetch_history()
            if record_to is not None:
                record_to.mkdir(parents=True, exist_ok=True)
                name = f"{execution.workflow_type}-{execution.run_id[-6:]}.json"
                (record_to / name).write_text(json.dumps(history.to_json_dict()))
            yield history


class Preview:
    """One pull request and what was made for it."""

    def __init__(self, world: World, repository: Repository, key: PullRequestKey) -> None:
        self.world, self.repository, self.key = world, repository, key
        team, project, name = repository.owner, repository.name, preview_name(key.number)
        self.environment = EnvironmentKey(namespace=project_namespace(team, project), name=name)
        self.namespace: NamespaceName = environment_namespace(team, project, name)

    # --- webhooks ------------------------------------------------------------------------------------------------

    async def hear_opened(self) -> None:
        await self._hear("new_commit", may_start=True)

    async def hear_closed(self) -> None:
        await self._hear("close", may_start=False)

    async def hear_changed(self) -> None:
        """Title, labels, draft, base branch."""
        await self._hear("look", may_start=False)

    async def _hear(self, signal: str, may_start: bool) -> None:
        request = Request(by="bob", delivery=uuid.uuid4().hex)
        await self.world.owners.wake_pull_request(self.key, signal, request, may_start=may_start)

    async def push(self, sha: str, files: Mapping[str, str] = DOCKERFILE) -> None:
        self.push_unheard(sha, files)
        await self.hear_opened()

    def push_unheard(self, sha: str, files: Mapping[str, str] = DOCKERFILE) -> None:
        self.world.source.push(self.repository.id, sha, files)
        self.world.forge.push(self.key, sha)

    async def close(self) -> None:
        self.world.forge.close(self.key)
        await self.hear_closed()

    async def reopen(self) -> None:
        self.world.forge.reopen(self.key)
        await self.hear_opened()

    # --- what there is -------------------------------------------------------------------------------------------

    @property
    def pull_request_workflow(self) -> WorkflowHandle[PullRequestWorkflow, Any]:
        return self.world.client.get_workflow_handle_for(PullRequestWorkflow.run, pull_request_workflow_id(self.key))

    @property
    def environment_workflow(self) -> WorkflowHandle[EnvironmentWorkflow, Any]:
        return self.world.client.get_workflow_handle_for(
            EnvironmentWorkflow.run, environment_workflow_id(self.environment)
        )

    async def snapshot(self) -> PullRequestSnapshot:
        return await self.pull_request_workflow.query(PullRequestWorkflow.snapshot)

    async def environment_snapshot(self) -> EnvironmentSnapshot:
        return await self.environment_workflow.query(EnvironmentWorkflow.snapshot)

    @property
    def report(self) -> EnvironmentReport:
        """As the index has it."""
        rows = [row for row in self.world.index.rows.values() if row.namespace == self.namespace]
        return EnvironmentReport.model_validate(rows[-1].report) if rows else EnvironmentReport()

    @property
    def comment(self) -> str:
        return self.world.forge.comments.get(self.key, {}).get(COMMENT_MARKER, "")

    def objects(self, kind: str) -> list[KubernetesObject]:
        return self.world.cluster.objects(kind, self.namespace)

    @property
    def resource(self) -> KubernetesObject | None:
        found = self.world.cluster.objects("Environment", self.environment.namespace)
        return next((each for each in found if each["metadata"]["name"] == self.environment.name), None)

    @property
    def namespace_object(self) -> KubernetesObject | None:
        found = self.world.cluster.objects("Namespace")
        return next((each for each in found if each["metadata"]["name"] == self.namespace), None)

    # --- what must come of it ------------------------------------------------------------------------------------

    async def becomes(self, phase: Phase, sha: str | None = None) -> EnvironmentReport:
        def is_so() -> bool:
            return self.report.phase is phase and sha in (None, self.report.sha)

        def what() -> str:
            return f"{phase} {sha or ''}; it is {self.report.phase} {self.report.sha} {self.report.message}"

        await self.world.until(is_so, what)
        return self.report

    async def comment_says(self, text: str) -> None:
        await self.world.until(lambda: text in self.comment, lambda: f"comment with {text!r}; it is {self.comment}")

    async def status_becomes(self, state: str, sha: str) -> None:
        """It is written after the comment."""
        statuses = self.world.forge.statuses
        await self.world.until(lambda: statuses.get(CommitSha(sha), ("",))[0] == state, f"the status {state} of {sha}")

    async def is_over(self, within: float = PATIENCE_SECONDS) -> None:
        """The pull request's workflow has ended, and nothing is left. `within`: real seconds."""
        async with asyncio.timeout(within):
            await self.pull_request_workflow.result()
        await self.is_gone()

    async def is_gone(self) -> None:
        await self.world.until(lambda: self.resource is None, "the resource is gone")
        assert self.namespace_object is None
        assert not [name for name, tags in self.world.registry.tags.items() if name.startswith(self.namespace) and tags]

    def env(self, name: str) -> str | None:
        """Of the deployed container."""
        found = [
            variable.get("value")
            for deployment in self.objects("Deployment")
            for variable in deployment["spec"]["template"]["spec"]["containers"][0].get("env") or ()
            if variable["name"] == name
        ]
        return found[0] if found else None

    def kubernetes(self, kind: str, api_version: str = "v1") -> Kind:
        return Kind(labels.API_VERSION if kind in ("Environment", "Project") else api_version, kind)


@asynccontextmanager
async def _beside(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
