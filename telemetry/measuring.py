"""What becomes of rollouts, and how long people wait for a URL: measured around workflows, once, and not when they are replayed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import Histogram
from temporalio import worker, workflow
from temporalio.exceptions import is_cancelled_exception

from environments.model import Phase, StepState
from environments.report import EnvironmentReport
from environments.work import DeclareRequest, EnvironmentChanged, Request, RolloutResult

MINUTES = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
"""Seconds: from a push into a running pod to a build that had to wait."""

ROLLOUTS = Histogram(
    "catalyst_rollout_seconds",
    "Rollouts by result: ready, degraded, failed (its author must act), unavailable (a passing cause outside), superseded, cancelled.",
    ["result"],
    buckets=MINUTES,
)
STEPS = Histogram(
    "catalyst_rollout_step_seconds",
    "Steps of rollouts (source, build, deploy, deliver, ready) by how they ended: done, failed, cancelled.",
    ["step", "result"],
    buckets=MINUTES,
)
TIME_TO_URL = Histogram(
    "catalyst_time_to_url_seconds",
    "From the webhook that asked for it (opened, reopened, pushed) until the commit answered at its URL.",
    buckets=MINUTES,
)


class Measuring(worker.Interceptor):
    def workflow_interceptor_class(
        self, input: worker.WorkflowInterceptorClassInput
    ) -> type[worker.WorkflowInboundInterceptor]:
        return _Inbound


@dataclass
class Waiting:
    """Of one pull request, for its URL. What continue-as-new cuts off isn't measured."""

    _asked_at: datetime | None = None
    """By the newest webhook that nothing was declared for yet, unless a person asked after it: what was stopped may go on days later."""
    _declared: tuple[str, int] | None = None
    """SHA and retry."""
    _since: datetime | None = None
    """When the declared commit was asked for; None: by no webhook, or it has its URL."""

    def ask(self, request: Request) -> None:
        is_by_person = request.delivery is None
        if request.asked_at is not None or is_by_person:
            self._asked_at = request.asked_at

    def declare(self, request: DeclareRequest) -> None:
        wanted = request.pull_request.head_sha, request.retry
        if wanted != self._declared:
            self._declared, self._since = wanted, self._asked_at
        self._asked_at = None

    def ended(self, report: EnvironmentReport, now: datetime) -> float | None:
        """Seconds, once."""
        is_it = self._declared is not None and report.deployed_sha == self._declared[0]
        if self._since is None or not is_it or report.phase is not Phase.READY or report.url is None:
            return None
        since, self._since = self._since, None
        return (now - since).total_seconds()


class _Inbound(worker.WorkflowInboundInterceptor):
    def __init__(self, next: worker.WorkflowInboundInterceptor) -> None:
        super().__init__(next)
        self._waiting = Waiting()

    def init(self, outbound: worker.WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound, self._waiting))

    async def execute_workflow(self, input: worker.ExecuteWorkflowInput) -> Any:
        try:
            result = await super().execute_workflow(input)
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled_exception(error) and workflow.info().workflow_type == "RolloutWorkflow":
                _note_rollout("cancelled")
            raise
        if isinstance(result, RolloutResult):
            _note_rollout(_kind_of(result), result)
        return result

    async def handle_signal(self, input: worker.HandleSignalInput) -> None:
        self._hear(input.args)
        await super().handle_signal(input)

    async def handle_update_handler(self, input: worker.HandleUpdateInput) -> Any:
        self._hear(input.args)
        return await super().handle_update_handler(input)

    def _hear(self, args: Sequence[Any]) -> None:
        subject = args[0] if args else None
        if isinstance(subject, Request):
            self._waiting.ask(subject)
        if isinstance(subject, EnvironmentChanged):
            seconds = self._waiting.ended(subject.report, workflow.now())
            if seconds is not None and not workflow.unsafe.is_replaying():
                TIME_TO_URL.observe(seconds)


class _Outbound(worker.WorkflowOutboundInterceptor):
    def __init__(self, next: worker.WorkflowOutboundInterceptor, waiting: Waiting) -> None:
        super().__init__(next)
        self._waiting = waiting

    def start_activity(self, input: worker.StartActivityInput) -> Any:
        subject = input.args[0] if input.args else None
        if isinstance(subject, DeclareRequest):
            self._waiting.declare(subject)
        return super().start_activity(input)


def _kind_of(result: RolloutResult) -> str:
    if result.verdict.reason == "Superseded":
        return "superseded"
    return "unavailable" if result.is_passing else result.verdict.phase.value.lower()


def _note_rollout(kind: str, result: RolloutResult | None = None) -> None:
    if workflow.unsafe.is_replaying():
        return
    ROLLOUTS.labels(kind).observe((workflow.now() - workflow.info().start_time).total_seconds())
    for step in result.steps if result else ():
        if step.started_at and step.ended_at and step.state is not StepState.RUNNING:
            seconds = (step.ended_at - step.started_at).total_seconds()
            STEPS.labels(step.name, step.state.value.lower()).observe(seconds)
