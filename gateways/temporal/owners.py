"""The workflows that own pull requests and environments: activities.protocols.Owners over a Temporal client."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import (
    Client,
    Interceptor,
    WorkflowExecution,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.protocols import GatewayError, OwnerGone, OwnerRefused, RunningPullRequest
from environments.model import EnvironmentKey, PullRequestKey
from environments.names import (
    environment_workflow_id,
    parse_pull_request_workflow_id,
    pull_request_workflow_id,
)
from environments.work import Request, Sighting
from gateways.temporal.connection import connect_temporal
from workflows import visibility
from workflows.environment import EnvironmentWorkflow
from workflows.messages import EnvironmentInput, PullRequestInput
from workflows.pull_request import PullRequestWorkflow

CALL = timedelta(seconds=10)
ANSWER = timedelta(seconds=30)
"""For an update, which the workflow may answer by calling an activity."""


class TemporalUnavailable(GatewayError):
    """Temporal didn't answer, or no worker took the question in time."""

    retryable = True


@dataclass(frozen=True)
class TemporalOwners:
    """Implements Owners."""

    client: Client
    task_queue: str

    @classmethod
    async def connect(cls, task_queue: str, interceptors: Sequence[Interceptor] = ()) -> "TemporalOwners":
        """Lazy: an API whose Temporal is down starts all the same, and keeps what arrives."""
        return cls(await connect_temporal(interceptors, lazy=True), task_queue)

    async def wake_pull_request(
        self,
        key: PullRequestKey,
        signal: str,
        request: Request,
        *,
        may_start: bool,
        environment: EnvironmentKey | None = None,
    ) -> bool:
        workflow_id = pull_request_workflow_id(key)
        async with _temporal(workflow_id):
            if not may_start:
                return await self._signal(workflow_id, signal, request)
            await self.client.start_workflow(
                PullRequestWorkflow.run,
                PullRequestInput(key=key, environment=environment),
                id=workflow_id,
                task_queue=self.task_queue,
                start_signal=signal,
                start_signal_args=[request],
                rpc_timeout=CALL,
            )
        return True

    async def wake_environment(self, key: EnvironmentKey, sighting: Sighting | None = None) -> None:
        workflow_id = environment_workflow_id(key)
        async with _temporal(workflow_id):
            await self.client.start_workflow(
                EnvironmentWorkflow.run,
                EnvironmentInput(key=key),
                id=workflow_id,
                task_queue=self.task_queue,
                start_signal="look",
                start_signal_args=[] if sighting is None else [sighting],
                rpc_timeout=CALL,
            )

    async def runs(self, workflow_id: str) -> bool:
        try:
            async with _temporal(workflow_id):
                found = await self.client.get_workflow_handle(workflow_id).describe(rpc_timeout=CALL)
        except OwnerGone:
            return False
        return found.status is WorkflowExecutionStatus.RUNNING

    async def running_pull_requests(self) -> Sequence[RunningPullRequest]:
        query = (
            f"WorkflowType = '{PullRequestWorkflow.__name__}' AND ExecutionStatus = 'Running' "
            f"AND TaskQueue = '{self.task_queue}'"
        )
        async with _temporal("the list of what runs"):
            found = [_shown(each) async for each in self.client.list_workflows(query, rpc_timeout=CALL)]
        return [each for each in found if each is not None]

    async def ask_pull_request(self, key: PullRequestKey, update: str, request: Request) -> str:
        return await self._ask(pull_request_workflow_id(key), update, request)

    async def ask_environment(self, key: EnvironmentKey, update: str, request: Request) -> str:
        return await self._ask(environment_workflow_id(key), update, request)

    async def _signal(self, workflow_id: str, signal: str, request: Request) -> bool:
        try:
            async with _temporal(workflow_id):
                await self.client.get_workflow_handle(workflow_id).signal(signal, request, rpc_timeout=CALL)
        except OwnerGone:
            return False
        return True

    async def _ask(self, workflow_id: str, update: str, request: Request) -> str:
        async with _temporal(workflow_id):
            handle = self.client.get_workflow_handle(workflow_id)
            answer: str = await handle.execute_update(update, request, result_type=str, rpc_timeout=ANSWER)
        return answer


def _shown(found: WorkflowExecution) -> RunningPullRequest | None:
    key, shown = parse_pull_request_workflow_id(found.id), found.typed_search_attributes
    if key is None:
        return None
    return RunningPullRequest(key, shown.get(visibility.SHA, ""), shown.get(visibility.PHASE, ""))


@asynccontextmanager
async def _temporal(workflow_id: str) -> AsyncIterator[None]:
    """Raises OwnerGone, OwnerRefused, TemporalUnavailable instead of Temporal's own."""
    try:
        yield
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        raise OwnerRefused(cause.message if isinstance(cause, ApplicationError) else str(cause)) from error
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise TemporalUnavailable(
            f"The workflow {workflow_id} didn't answer in time; is the worker running?"
        ) from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise OwnerGone(f"No workflow {workflow_id} is running.") from error
        raise TemporalUnavailable(f"Temporal didn't take a call for {workflow_id}: {error.message}"[:500]) from error
    except RuntimeError as error:  # a lazy client's first connection
        raise TemporalUnavailable(f"Temporal can't be reached; is TEMPORAL_ADDRESS right? {error}"[:500]) from error
