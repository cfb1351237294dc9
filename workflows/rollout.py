"""One attempt to bring one commit to Ready. Workflow id: names.rollout_workflow_id; child of its environment's workflow."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.living import LivingActivities
    from activities.rollout import RolloutActivities
    from activities.waiting import WaitingActivities
    from environments.model import DeploymentMethod, Phase, Step, StepState, Template
    from environments.names import environment_workflow_id
    from environments.sidecar import is_living
    from environments.urgency import BETWEEN_NEWS
    from environments.work import (
        BuildWork,
        DeliveryResult,
        DeployWork,
        Images,
        Inspection,
        RolloutProgress,
        RolloutRequest,
        RolloutResult,
        Verdict,
    )
    from workflows.calling import CALL, GIVE_BACK, HEARTBEAT, RETRY, beside, builds_queue, kind_of, may_pass, sentence

PATIENCE = timedelta(minutes=15)
"""How long a rollout goes on trying while an outside system is down; its environment starts another one later."""
SOURCE = timedelta(minutes=5)
BUILD = timedelta(minutes=25)
"""Above the builder's own limit, which has the better sentence."""
QUEUE = timedelta(hours=1)
"""For a build slot, on top of the build itself."""
WAIT = timedelta(minutes=10)
"""Above the limit for starting, which has the better sentence."""
PHASES = {"source": Phase.DETECTING, "build": Phase.BUILDING, "deploy": Phase.DEPLOYING}
"""Of a step; the later ones are still deploying."""
LOGS = {"BuildFailed": "build"}


@workflow.defn
class RolloutWorkflow:
    """namespace ∥ (source → detection) → build → apply → wait; in development mode apply → deliver → wait. Cancelled when a newer commit comes or the environment goes."""

    @workflow.init
    def __init__(self, request: RolloutRequest) -> None:
        self._request = request
        self._steps: tuple[Step, ...] = ()
        self._notes: tuple[str, ...] = ()
        self._phase = Phase.PENDING
        self._template: Template | None = None
        self._told = self._progress()

    @workflow.run
    async def run(self, request: RolloutRequest) -> RolloutResult:
        telling = beside(self._keep_telling())
        try:
            return await self._bring_to_ready()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return self._given_up(error)
        finally:
            telling.cancel()

    @workflow.query
    def snapshot(self) -> RolloutProgress:
        return self._progress()

    async def _bring_to_ready(self) -> RolloutResult:
        inspection = await self._source()
        if isinstance(inspection, Verdict):
            return self._result(inspection)
        self._template = inspection.template
        # Rollouts that began before source was delivered into pods go on as they began.
        if is_living(inspection.template) and workflow.patched("delivered"):
            return self._result(await self._deliver(inspection.template))
        images = await self._images(inspection)
        work = DeployWork(request=self._request, template=inspection.template, images=images)
        await self._step("deploy", RolloutActivities.deploy, work, GIVE_BACK)
        return self._result(await self._ready(WaitingActivities.wait_ready, work))

    async def _deliver(self, template: Template) -> Verdict:
        """Into the pod that runs, where one does (decision 13)."""
        work = DeployWork(request=self._request, template=template, images=Images())
        await self._step("deploy", RolloutActivities.deploy, work, GIVE_BACK)
        delivered: DeliveryResult = await self._step(
            "deliver", LivingActivities.deliver, work, WAIT, heartbeat=HEARTBEAT
        )
        if delivered.verdict is not None:
            self._end_step("deliver", StepState.FAILED)
            return delivered.verdict
        if delivered.note is not None:
            self._notes = (*self._notes, delivered.note)
        return await self._ready(LivingActivities.wait_living, work)

    async def _ready(self, method: Any, work: DeployWork) -> Verdict:
        verdict: Verdict = await self._step("ready", method, work, WAIT, heartbeat=HEARTBEAT)
        if verdict.phase is not Phase.READY:
            self._end_step("ready", StepState.FAILED)
        return verdict

    async def _source(self) -> Inspection | Verdict:
        """Namespace and source don't depend on each other; a namespace that is somebody else's ends it."""
        held, inspection = await asyncio.gather(
            self._call(RolloutActivities.prepare, self._request, CALL, step="source"),
            self._step("source", RolloutActivities.inspect, self._request, SOURCE, heartbeat=HEARTBEAT),
        )
        if held is not None:
            self._end_step("source", StepState.FAILED)
            return Verdict(phase=Phase.FAILED, reason=held.reason, message=held.text)
        conflict = (inspection.conflict,) if inspection.conflict else ()
        self._notes = (*inspection.template.notes, *inspection.ignored, *conflict)
        found: Inspection = inspection
        return found

    async def _images(self, inspection: Inspection) -> Images:
        if inspection.template.method is DeploymentMethod.PREBUILT:
            return Images(image=inspection.image)
        work = BuildWork(request=self._request, template=inspection.template)
        queue = builds_queue(workflow.info().task_queue)
        built: Images = await self._step(
            "build", RolloutActivities.build, work, BUILD, heartbeat=HEARTBEAT, task_queue=queue
        )
        return built

    # --- steps ---------------------------------------------------------------------------------------------------

    async def _step(self, name: str, method: Any, argument: Any, limit: timedelta, **options: Any) -> Any:
        """`options`: heartbeat, task_queue."""
        self._phase = PHASES.get(name, Phase.DEPLOYING)
        self._steps = (*self._steps, Step(name=name, state=StepState.RUNNING, started_at=workflow.now()))
        try:
            result = await self._call(method, argument, limit, step=name, **options)
        except (ActivityError, asyncio.CancelledError) as error:
            is_cancelled = isinstance(error, asyncio.CancelledError) or is_cancelled_exception(error)
            self._end_step(name, StepState.CANCELLED if is_cancelled else StepState.FAILED)
            raise
        self._end_step(name, StepState.DONE)
        return result

    async def _call(
        self,
        method: Any,
        argument: Any,
        limit: timedelta,
        *,
        step: str,
        heartbeat: timedelta | None = None,
        task_queue: str | None = None,
    ) -> Any:
        """Again and again while the cause may pass, with what is wrong said on the step meanwhile."""
        began = workflow.now()
        while True:
            try:
                return await workflow.execute_activity_method(
                    method,
                    argument,
                    task_queue=task_queue,
                    start_to_close_timeout=limit,
                    schedule_to_close_timeout=limit + (QUEUE if task_queue else GIVE_BACK),
                    heartbeat_timeout=heartbeat,
                    retry_policy=RETRY,
                )
            except ActivityError as error:
                if is_cancelled_exception(error) or not may_pass(error) or workflow.now() - began > PATIENCE:
                    raise
                self._change(step, detail=f"{sentence(error)} It is tried again.")

    def _end_step(self, name: str, state: StepState) -> None:
        self._change(name, state=state, ended_at=workflow.now(), detail="")

    def _change(self, name: str, **update: Any) -> None:
        self._steps = tuple(s.model_copy(update=update) if s.name == name else s for s in self._steps)

    # --- what comes of it ----------------------------------------------------------------------------------------

    def _given_up(self, error: ActivityError) -> RolloutResult:
        kind = kind_of(error)
        log = LOGS.get(kind)
        verdict = Verdict(
            phase=Phase.FAILED,
            reason=kind,
            message=sentence(error),
            failed_log=self._request.log_id(log) if log else None,
        )
        return self._result(verdict).model_copy(update={"is_passing": may_pass(error)})

    def _result(self, verdict: Verdict) -> RolloutResult:
        return RolloutResult(verdict=verdict, steps=self._steps, notes=self._notes, template=self._template)

    def _progress(self) -> RolloutProgress:
        return RolloutProgress(rollout=self._request.rollout, phase=self._phase, steps=self._steps, notes=self._notes)

    async def _keep_telling(self) -> None:
        """Newest state wins, one signal under way; the environment may be gone, which its own workflow knows best.

        Progress gathers: what is over sooner is told with its result.
        """
        environment = workflow.get_external_workflow_handle(environment_workflow_id(self._request.key))
        self._told = self._progress()
        told_at = workflow.now()
        is_paced = workflow.patched("paced-progress")
        while True:
            await workflow.wait_condition(lambda: self._progress() != self._told)
            if is_paced and (rest := told_at + BETWEEN_NEWS - workflow.now()) > timedelta():
                await workflow.sleep(rest)
            self._told, told_at = self._progress(), workflow.now()
            try:
                await environment.signal("progress", self._told)
            except FailureError as error:
                if is_cancelled_exception(error):
                    raise
                workflow.logger.info("the environment's workflow doesn't take progress")
