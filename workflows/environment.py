"""One workflow per Environment resource, whoever made it, until it is gone. Workflow id: names.environment_workflow_id."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.environment import EnvironmentActivities
    from activities.teardown import TeardownActivities
    from environments.messages import CommentView, current_details
    from environments.model import EnvironmentUid, Message, Phase
    from environments.names import pull_request_workflow_id, rollout_workflow_id
    from environments.report import conditions_of
    from environments.work import (
        CheckRequest,
        DeleteRequest,
        EnvironmentChanged,
        Observation,
        OverrideRequest,
        OverrideWork,
        Publication,
        Request,
        RolloutProgress,
        RolloutRequest,
        RolloutResult,
        TearDownRequest,
        Verdict,
    )
    from workflows import visibility
    from workflows.calling import CALL, FEW, HEARTBEAT, ONCE, RETRY, may_pass, sentence
    from workflows.messages import EnvironmentInput, EnvironmentResult, EnvironmentSnapshot, EnvironmentState
    from workflows.rollout import RolloutWorkflow

QUIET = timedelta(minutes=10)
"""How long a running environment goes unchecked at most, besides watch and Reconcile."""
NO_URL_YET = timedelta(seconds=20)
"""A generic shell is asked this often whether something listens by now."""
TRY_AGAIN = timedelta(seconds=5)
"""While an outside system doesn't answer; doubled each time."""
TRY_AGAIN_AT_MOST = timedelta(minutes=5)
"""A signal ends the pause at any time."""
LOOK_AGAIN_AT_MOST = timedelta(seconds=30)
"""Between two looks at what is still there, each of which waits some seconds itself."""
TEARDOWN_CALL = timedelta(seconds=60)
DEADLINE = timedelta(minutes=5)
"""SC-002: past it, what blocks a teardown is found, removed where that is safe, and told."""
NEXT_ROLLOUT = timedelta(minutes=1)
"""After a rollout that failed for a cause that may pass by itself."""
LONGEST_WRITE = CALL + TRY_AGAIN
"""For so long an activity that a dead worker left behind may still write; then teardown looks again (design: rule 2)."""
ENDING = timedelta(seconds=30)
"""For a cancelled rollout."""
MOST_OF_A_REFUSAL = 400
GOODBYE = timedelta(seconds=30)
"""What the last report may take."""
IDLE = (Phase.READY, Phase.DEGRADED)


@workflow.defn
class EnvironmentWorkflow:
    """One rollout at a time, the newest wins; checks and repairs what runs; ends when cluster and registry say all is gone."""

    @workflow.init
    def __init__(self, given: EnvironmentInput) -> None:
        self._key = given.key
        self._state = given.state or EnvironmentState()
        self._rolling: asyncio.Task[None] | None = None
        self._news = False
        self._alarm: timedelta | None = None
        self._pauses = 0
        # After continue-as-new the last report is written once more: its write may have been cut off.
        self._published = None if given.state else self._state.report
        self._asked = 0
        """How often the pull request asked to be told again."""
        self._told = None if given.state else (self._asked, self._state.report)

    @workflow.run
    async def run(self, given: EnvironmentInput) -> EnvironmentResult:
        beside = (asyncio.create_task(self._keep_publishing()), asyncio.create_task(self._keep_telling()))
        try:
            while not await self._is_over():
                await self._next_event()
                await self._continue_as_new_if_long()
        finally:
            for task in beside:
                task.cancel()
        return EnvironmentResult(message=Message(reason="Gone", text="Everything of it is gone."))

    # --- what happens --------------------------------------------------------------------------------------------

    @workflow.signal
    def look(self) -> None:
        """Something changed: the resource, its guards, its workload."""
        self._news = True

    @workflow.signal
    def tell(self) -> None:
        """From the pull request: it was lost for a while, or didn't know yet that this is its environment."""
        self._asked += 1

    @workflow.signal
    def new_commit(self, request: Request) -> None:
        self._news = True

    @workflow.signal
    def progress(self, progress: RolloutProgress) -> None:
        """From the rollout; one that was superseded is not listened to."""
        if self._rolling is not None and progress.rollout == self._state.rollout:
            self._report(phase=progress.phase, steps=progress.steps, notes=progress.notes)

    @workflow.signal
    def retry(self, request: Request) -> None:
        """Run the same commit again."""
        self._keep(wants_retry=True)
        self._news = True

    @workflow.signal
    def override(self, request: OverrideRequest) -> None:
        self._keep(overrides=(*self._state.overrides, request))
        self._news = True

    @workflow.signal
    def close(self, request: Request) -> None:
        """Carried out by the main loop: an error in a signal's handler would end the workflow."""
        self._keep(close=request)
        self._news = True

    @workflow.update(name="new_commit")
    def new_commit_now(self, request: Request) -> str:
        self.new_commit(request)
        return "The Environment resource is looked at now."

    @workflow.update(name="retry")
    def retry_now(self, request: Request) -> str:
        self.retry(request)
        return "The same commit is being deployed again."

    @retry_now.validator
    def _may_retry(self, request: Request) -> None:
        self._refuse_if_deleting()

    @workflow.update(name="override")
    async def override_now(self, request: OverrideRequest) -> str:
        with _answers():
            answer = await self._write_override(request)
        self._news = True
        return answer

    @override_now.validator
    def _may_override(self, request: OverrideRequest) -> None:
        self._refuse_if_deleting()
        if not request.reset and request.model_dump(exclude={"by", "reason"}, exclude_defaults=True) == {}:
            raise ApplicationError("Nothing to set: give command, workdir, port, env, image or tag.", type="Empty")

    @workflow.update(name="close")
    async def close_now(self, request: Request) -> str:
        with _answers():
            return await self._close(request)

    @close_now.validator
    def _may_close(self, request: Request) -> None:
        self._refuse_if_deleting()

    @workflow.query
    def snapshot(self) -> EnvironmentSnapshot:
        return EnvironmentSnapshot(key=self._key, state=self._state)

    # --- what is done about it -----------------------------------------------------------------------------------

    async def _is_over(self) -> bool:
        """No resource, nothing left of it, everybody told, and nothing new heard meanwhile (design: rule 6)."""
        if not await self._look_and_act():
            return False
        await self._say_goodbye()
        return not self._news

    async def _look_and_act(self) -> bool:
        """Whether there is no resource and nothing left of it."""
        self._news = False
        try:
            is_over = await self._act(await self._observe())
        except (ActivityError, ApplicationError) as error:
            if is_cancelled_exception(error):
                raise
            self._report(reason="Waiting", message=f"{sentence(error)} It is tried again.")
            self._wait_longer(TRY_AGAIN_AT_MOST)
            return False
        return is_over

    async def _act(self, seen: Observation) -> bool:
        is_leftover = seen.namespace_uid is not None and seen.namespace_uid != seen.uid
        if seen.uid is None or seen.is_deleting or is_leftover:
            return await self._remove(seen)
        self._pauses = 0
        self._take_on(seen)
        if self._state.close is not None:
            await self._close(self._state.close)
            self._keep(close=None)
            return False
        await self._write_overrides()
        if seen.problem or seen.target is None or seen.identity is None or seen.namespace is None:
            await self._cancel_rollout()
            self._keep(retry_at=None)
            text = seen.problem or Message(reason="NoCommit", text="The Environment names no commit.")
            self._report(phase=Phase.FAILED, reason=text.reason, message=text.text)
        elif self._is_due(seen):
            await self._cancel_rollout()
            self._start_rollout(seen)
        elif self._rolling is None and self._state.verdict:
            await self._check(self._state.verdict)
        return False

    def _take_on(self, seen: Observation) -> None:
        """A resource of the same name made anew is another environment."""
        if seen.uid != self._state.uid:
            self._state = EnvironmentState(
                suspect_until=self._state.suspect_until,
                overrides=self._state.overrides,
                close=self._state.close if self._state.uid is None else None,
            )
        self._keep(
            uid=seen.uid,
            identity=seen.identity,
            namespace=seen.namespace,
            pull_request=seen.pull_request,
            deleting_since=None,
        )
        self._report(uid=seen.uid or "", generation=seen.generation, namespace=seen.namespace or "")

    # --- rollouts ------------------------------------------------------------------------------------------------

    def _is_due(self, seen: Observation) -> bool:
        attempted, retry_at = self._state.attempted, self._state.retry_at
        is_new = attempted is None or attempted.target != seen.target
        is_time = retry_at is not None and workflow.now() >= retry_at and self._rolling is None
        # Somebody else's rollout number on the namespace: this workflow was lost and began anew.
        is_lost = self._rolling is None and self._state.verdict is None
        return is_new or is_time or is_lost or self._state.wants_retry

    def _start_rollout(self, seen: Observation) -> None:
        assert seen.uid and seen.identity and seen.namespace and seen.target
        request = RolloutRequest(
            key=self._key,
            identity=seen.identity,
            namespace=seen.namespace,
            uid=seen.uid,
            rollout=max(self._state.rollout, seen.fence) + 1,
            target=seen.target,
        )
        self._keep(rollout=request.rollout, attempted=request, verdict=None, retry_at=None, wants_retry=False)
        self._report(
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
        if self._rolling is not None and request.rollout == self._state.rollout:
            self._finish(request, result)

    def _finish(self, request: RolloutRequest, result: RolloutResult) -> None:
        self._rolling = None
        self._news = True
        if result.verdict.reason == "Superseded" and not self._state.was_superseded:
            self._keep(attempted=None, was_superseded=True)  # looked at again: whatever the cluster wants now
            return
        # Twice in a row isn't a race: said, and tried again with pauses.
        is_superseded = result.verdict.reason == "Superseded"
        self._keep(verdict=result.verdict, was_superseded=is_superseded)
        self._report(steps=result.steps, notes=result.notes)
        if result.verdict.phase is Phase.READY:
            self._report(deployed_sha=request.target.sha)
        self._tell(result.verdict)
        if result.is_passing or is_superseded:
            self._keep(retry_at=workflow.now() + NEXT_ROLLOUT)

    async def _cancel_rollout(self) -> None:
        """What was begun for an older commit ends; what a lost worker may still be writing is looked for later."""
        if self._rolling is None:
            return
        self._keep(suspect_until=workflow.now() + LONGEST_WRITE)
        self._rolling.cancel()
        rolling, self._rolling = self._rolling, None
        # One that can't end (its task fails in Temporal) must not hold up what comes next: its writes are fenced.
        await workflow.wait([rolling], timeout=ENDING.total_seconds())

    async def _check(self, was: Verdict) -> None:
        assert self._state.attempted is not None
        work = CheckRequest(request=self._state.attempted, was=was)
        found = await self._call(EnvironmentActivities.check, work, CALL)
        if found == was and found.phase not in IDLE:
            return
        self._keep(verdict=found)
        if found.phase is Phase.READY:
            self._report(deployed_sha=self._state.attempted.target.sha)
        self._tell(found)

    def _tell(self, verdict: Verdict) -> None:
        self._report(
            phase=verdict.phase,
            url=verdict.url,
            reason=verdict.reason,
            message=verdict.message,
            failed_log=verdict.failed_log,
        )

    # --- overrides, closing --------------------------------------------------------------------------------------

    async def _write_overrides(self) -> None:
        while self._state.overrides:
            first = self._state.overrides[0]
            try:
                await self._write_override(first)
            except ActivityError as error:
                if is_cancelled_exception(error) or may_pass(error):
                    raise
                # One that the cluster will never take must not hold up every push after it.
                refused = f"The override by {first.by} was refused: {sentence(error)}"
                self._report(notes=(*self._state.report.notes, refused[:MOST_OF_A_REFUSAL]))
            self._keep(overrides=self._state.overrides[1:])  # others may have come in meanwhile

    async def _write_override(self, request: OverrideRequest) -> str:
        if self._state.uid is None:
            raise ApplicationError("The environment is not there yet: try again in a moment.", type="NotYet")
        work = OverrideWork(key=self._key, uid=self._state.uid, request=request)
        answer: str = await self._call(EnvironmentActivities.override, work, CALL)
        return answer

    async def _close(self, request: Request) -> str:
        """A preview is its pull request's: the wish goes there. Any other environment is deleted."""
        if self._state.pull_request is not None:
            owner = workflow.get_external_workflow_handle(pull_request_workflow_id(self._state.pull_request))
            try:
                await owner.signal("close", request)
            except FailureError as error:
                text = "Its pull request's workflow doesn't run; Reconcile starts it within a minute: try again then."
                raise ApplicationError(text, type="OwnerGone") from error
            return "The preview is being removed; retry starts it again."
        if self._state.uid is not None:
            await self._call(EnvironmentActivities.delete, DeleteRequest(key=self._key, uid=self._state.uid), CALL)
        self._news = True
        return "The environment is being deleted."

    def _refuse_if_deleting(self) -> None:
        if self._state.deleting_since is not None:
            raise ApplicationError("The environment is being deleted.", type="Deleting")

    # --- the end -------------------------------------------------------------------------------------------------

    async def _remove(self, seen: Observation) -> bool:
        await self._cancel_rollout()
        namespace = seen.namespace or self._state.namespace
        uid = seen.namespace_uid or seen.uid or self._state.uid
        if namespace is not None and uid is not None and not await self._is_torn_down(seen, namespace, uid):
            return False
        if seen.uid is None:
            return not self._is_suspect()
        if seen.is_deleting:
            await self._call(TeardownActivities.release, self._key, CALL)
            self._report(phase=Phase.DELETED, url=None, reason="", message="Everything of it is gone.")
        self._news = True
        return False

    async def _is_torn_down(self, seen: Observation, namespace: Any, uid: EnvironmentUid) -> bool:
        if self._state.deleting_since is None:
            self._keep(deleting_since=workflow.now(), unblocked_at=None)
        self._keep(namespace=namespace, identity=self._state.identity or seen.identity)
        if seen.uid is None or seen.is_deleting:
            self._keep(uid=uid, pull_request=self._state.pull_request or seen.pull_request)
            self._report(uid=uid, namespace=namespace, generation=max(seen.generation, self._state.report.generation))
        request = TearDownRequest(key=self._key, namespace=namespace, uid=uid, identity=self._state.identity)
        if self._state.report.phase is not Phase.DELETED:
            self._report(phase=Phase.DELETING, url=None, reason="", message="It is being removed.", failed_log=None)
        await self._unblock_past_deadline(request)
        remaining = await self._call(TeardownActivities.tear_down, request, TEARDOWN_CALL, heartbeat=HEARTBEAT)
        if not remaining.is_nothing:
            if self._state.report.reason != "TeardownBlocked":
                self._report(message=remaining.sentence())
            self._wait_longer(LOOK_AGAIN_AT_MOST)
            return False
        self._pauses = 0
        return True

    async def _unblock_past_deadline(self, request: TearDownRequest) -> None:
        since = self._state.unblocked_at or self._state.deleting_since
        if since is None or workflow.now() - since < DEADLINE:
            return
        self._keep(unblocked_at=workflow.now())
        found = await self._call(TeardownActivities.unblock, request, CALL)
        text = f"It is not gone after 5 minutes. {' '.join(found)}"
        self._report(phase=Phase.DELETING, reason="TeardownBlocked", message=text[:1000])

    def _is_suspect(self) -> bool:
        """Look again once nothing that a dead worker left behind can write any more."""
        until = self._state.suspect_until
        if until is None or workflow.now() >= until:
            return False
        self._wake_in(until - workflow.now())
        return True

    async def _say_goodbye(self) -> None:
        try:
            await workflow.wait_condition(self._is_all_told, timeout=GOODBYE)
        except TimeoutError:
            workflow.logger.warning("the last report could not be written in time")
        await workflow.wait_condition(workflow.all_handlers_finished)

    def _is_all_told(self) -> bool:
        return self._published == self._state.report and self._told == (self._asked, self._state.report)

    # --- telling -------------------------------------------------------------------------------------------------

    async def _keep_publishing(self) -> None:
        """Apart from the main loop: newest state wins, one write under way (design: rule 8)."""
        shown: dict[Any, str | None] = {}
        while True:
            await workflow.wait_condition(lambda: self._published != self._state.report)
            report = self._state.report
            shown = self._show(shown)
            try:
                await self._publish()
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise  # going on would start a timer after the workflow's last command, which Temporal refuses for ever
                workflow.logger.warning("publishing failed: %s", sentence(error))
                await workflow.sleep(TRY_AGAIN)
                continue
            self._published = report

    async def _keep_telling(self) -> None:
        """The pull request hears of it whatever the status or the index are waiting for."""
        while True:
            await workflow.wait_condition(lambda: self._told != (self._asked, self._state.report))
            told = self._asked, self._state.report
            await self._tell_pull_request()
            self._told = told

    def _show(self, before: dict[Any, str | None]) -> dict[Any, str | None]:
        """For Temporal's own UI."""
        report, identity = self._state.report, self._state.identity
        now: dict[Any, str | None] = {visibility.PHASE: report.phase.value, visibility.SHA: report.sha}
        if identity is not None:
            now |= {
                visibility.TEAM: identity.team,
                visibility.PROJECT: identity.project,
                visibility.ENVIRONMENT: identity.environment,
            }
        if updates := visibility.changed(before, now):
            workflow.upsert_search_attributes(updates)
        view = CommentView(
            pull_request=None, report=report, message=None, log_tail="", now=workflow.now(), api_url=None
        )
        workflow.set_current_details(current_details(view))
        return now

    async def _publish(self) -> None:
        if not self._state.report.uid:
            return  # no resource was seen yet
        publication = Publication(
            key=self._key,
            identity=self._state.identity,
            pull_request=self._state.pull_request,
            report=self._state.report,
        )
        # Without a limit: whatever refuses it, the newest state is written once it can be.
        await workflow.execute_activity_method(
            EnvironmentActivities.publish, publication, start_to_close_timeout=CALL, retry_policy=RETRY
        )

    async def _tell_pull_request(self) -> None:
        if self._state.pull_request is None:
            return
        owner = workflow.get_external_workflow_handle(pull_request_workflow_id(self._state.pull_request))
        try:
            await owner.signal("environment_changed", EnvironmentChanged(key=self._key, report=self._state.report))
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.info("the pull request's workflow doesn't run; Reconcile starts it where it should")

    def _report(self, **update: Any) -> None:
        report = self._state.report.model_copy(update=update)
        if report != self._state.report:
            conditions = conditions_of(report, workflow.now(), self._state.report.conditions)
            update = {"conditions": conditions, "updated_at": workflow.now()}
            self._keep(report=report.model_copy(update=update))

    # --- machinery -----------------------------------------------------------------------------------------------

    async def _observe(self) -> Observation:
        seen: Observation = await self._call(EnvironmentActivities.observe, self._key, CALL)
        return seen

    async def _call(self, method: Any, argument: Any, limit: timedelta, heartbeat: timedelta | None = None) -> Any:
        return await workflow.execute_activity_method(
            method,
            argument,
            start_to_close_timeout=limit,
            heartbeat_timeout=heartbeat,
            # The main loop calls again, with pauses that a signal can end.
            retry_policy=FEW if heartbeat is None else ONCE,
        )

    async def _next_event(self) -> None:
        at_most = self._pause()
        self._alarm = None
        try:
            await workflow.wait_condition(lambda: self._news, timeout=at_most, timeout_summary="look again")
        except TimeoutError:
            pass  # quiet: the cluster is looked at again

    def _wait_longer(self, at_most: timedelta) -> None:
        self._wake_in(min(TRY_AGAIN * 2**self._pauses, at_most))
        self._pauses = min(self._pauses + 1, 10)

    def _wake_in(self, pause: timedelta) -> None:
        self._alarm = pause

    def _pause(self) -> timedelta:
        pauses = [QUIET]
        if self._alarm is not None:
            pauses.append(self._alarm)
        if self._state.retry_at is not None:
            pauses.append(_until(self._state.retry_at))
        verdict = self._state.verdict
        if self._rolling is None and verdict and verdict.phase is Phase.READY and verdict.url is None:
            pauses.append(NO_URL_YET)
        return min(pauses)

    def _keep(self, **update: Any) -> None:
        self._state = self._state.model_copy(update=update)

    async def _continue_as_new_if_long(self) -> None:
        """Only with no rollout running (design: rule 7)."""
        if workflow.info().is_continue_as_new_suggested() and self._rolling is None:
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new(EnvironmentInput(key=self._key, state=self._state))


@contextmanager
def _answers() -> Iterator[None]:
    """An update's failure is a sentence for who asked, not "Activity task failed"."""
    try:
        yield
    except ActivityError as error:
        raise ApplicationError(sentence(error), type="NotDone") from error


def _until(moment: datetime) -> timedelta:
    return max(moment - workflow.now(), timedelta(seconds=0.1))
