"""An environment's rollouts: one at a time, the newest wins; what runs is checked."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.environment import EnvironmentActivities
    from environments.model import Phase
    from environments.names import rollout_workflow_id
    from environments.work import (
        CheckRequest,
        Observation,
        RolloutProgress,
        RolloutRequest,
        RolloutResult,
        Verdict,
    )
    from workflows.calling import CALL, FEW
    from workflows.memory import Memory
    from workflows.pauses import TRY_AGAIN
    from workflows.rollout import RolloutWorkflow

NEXT_ROLLOUT = timedelta(minutes=1)
"""After a rollout that failed for a cause that may pass by itself."""
LONGEST_WRITE = CALL + TRY_AGAIN
"""For so long an activity that a dead worker left behind may still write; then teardown looks again (design: rule 2)."""
ENDING = timedelta(seconds=30)
"""For a cancelled rollout."""
IDLE = (Phase.READY, Phase.DEGRADED)


class Rollouts:
    """Starts, cancels, hears and checks them."""

    def __init__(self, memory: Memory, on_end: Callable[[], None]) -> None:
        """`on_end` is called when a rollout was overtaken, so that the cluster has to say what it wants now."""
        self._memory = memory
        self._on_end = on_end
        self._rolling: asyncio.Task[None] | None = None
        self._is_just_over = False

    @property
    def is_rolling(self) -> bool:
        return self._rolling is not None

    @property
    def is_just_over(self) -> bool:
        """Not yet taken note of."""
        return self._is_just_over

    def hear(self, progress: RolloutProgress) -> None:
        """One that was superseded is not listened to."""
        if self.is_rolling and progress.rollout == self._memory.state.rollout:
            self._memory.report(phase=progress.phase, steps=progress.steps, notes=progress.notes)

    def is_due(self, seen: Observation) -> bool:
        """Whether the resource asks for something that no rollout was made for yet."""
        state = self._memory.state
        is_new = state.attempted is None or state.attempted.target != seen.target
        is_time = state.retry_at is not None and workflow.now() >= state.retry_at and not self.is_rolling
        # Somebody else's rollout number on the namespace: this workflow was lost and began anew.
        is_lost = not self.is_rolling and state.verdict is None
        return is_new or is_time or is_lost or state.wants_retry

    def start(self, seen: Observation) -> None:
        """Another one than before, with a number above every number that wrote to the namespace."""
        assert seen.uid and seen.identity and seen.namespace and seen.target
        request = RolloutRequest(
            key=self._memory.key,
            identity=seen.identity,
            namespace=seen.namespace,
            uid=seen.uid,
            rollout=max(self._memory.state.rollout, seen.fence) + 1,
            target=seen.target,
            traceparent=self._traceparent(seen),
        )
        self._memory.keep(rollout=request.rollout, attempted=request, verdict=None, retry_at=None, wants_retry=False)
        self._memory.report(
            phase=Phase.PENDING,
            sha=seen.target.sha,
            rollout=request.rollout,
            steps=(),
            notes=(),
            reason="",
            message="",
            failed_log=None,
            url=None,
        )
        self._rolling = asyncio.create_task(self._roll_out(request))

    def _traceparent(self, seen: Observation) -> str | None:
        """The declaration's, when it is the declaration that asks for a rollout: retries and overrides have causes of their own."""
        before, now = self._memory.state.attempted, seen.target
        is_same = before and now and (before.target.sha, before.target.retry) == (now.sha, now.retry)
        return None if is_same else seen.traceparent

    async def cancel(self) -> None:
        """What was begun for an older commit ends; what a lost worker may still be writing is looked for later."""
        if self._rolling is None:
            return
        self._memory.keep(suspect_until=workflow.now() + LONGEST_WRITE)
        self._rolling.cancel()
        rolling, self._rolling = self._rolling, None
        # One that can't end (its task fails in Temporal) must not hold up what comes next: its writes are fenced.
        await workflow.wait([rolling], timeout=ENDING.total_seconds())

    def was_just_over(self) -> bool:
        """Since this was asked last: what it waited for was true a moment ago."""
        was, self._is_just_over = self._is_just_over, False
        return was

    async def check(self) -> None:
        """Whether what the newest one left still stands as it was found. Raises ActivityError."""
        state = self._memory.state
        if self.is_rolling or state.verdict is None:
            return
        assert state.attempted is not None
        work = CheckRequest(request=state.attempted, was=state.verdict, template=state.template)
        found = await workflow.execute_activity_method(
            EnvironmentActivities.check, work, start_to_close_timeout=CALL, retry_policy=FEW
        )
        if found == state.verdict and found.phase not in IDLE:
            return
        self._memory.keep(verdict=found)
        if found.phase is Phase.READY:
            self._memory.report(deployed_sha=state.attempted.target.sha)
        self._memory.report_verdict(found)

    async def _roll_out(self, request: RolloutRequest) -> None:
        try:
            result = await workflow.execute_child_workflow(
                RolloutWorkflow.run,
                request,
                id=rollout_workflow_id(request.namespace, request.target.sha, request.rollout),
                cancellation_type=ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
                parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
                static_summary=f"{request.target.sha[:7]} → {request.namespace}",
            )
        except FailureError as error:
            text = f"The rollout ended without a result: {error}. Retry starts another one."
            result = RolloutResult(
                verdict=Verdict(phase=Phase.FAILED, reason="RolloutLost", message=text),
                # What a lost workflow of this environment began is still ending.
                is_passing=isinstance(error, WorkflowAlreadyStartedError),
            )
        # One that we cancelled has nothing to say any more; one that somebody cancelled in Temporal has.
        if self.is_rolling and request.rollout == self._memory.state.rollout:
            self._finish(request, result)

    def _finish(self, request: RolloutRequest, result: RolloutResult) -> None:
        self._rolling, self._is_just_over = None, True
        memory, is_superseded = self._memory, result.verdict.reason == "Superseded"
        if is_superseded and not memory.state.was_superseded:
            memory.keep(attempted=None, was_superseded=True)
            self._on_end()
            return
        # Twice in a row isn't a race: said, and tried again with pauses.
        memory.keep(verdict=result.verdict, template=result.template, was_superseded=is_superseded)
        memory.report(steps=result.steps, notes=result.notes)
        if result.verdict.phase is Phase.READY:
            memory.report(deployed_sha=request.target.sha)
        memory.report_verdict(result.verdict)
        if result.is_passing or is_superseded:
            memory.keep(retry_at=workflow.now() + NEXT_ROLLOUT)
