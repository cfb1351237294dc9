"""One workflow per Environment resource, whoever made it, until it is gone. Workflow id: names.environment_workflow_id."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.environment import EnvironmentActivities
    from activities.overriding import OverrideActivities
    from environments.model import Message, Phase
    from environments.names import pull_request_workflow_id
    from environments.overriding import override_refusal
    from environments.work import (
        DeleteRequest,
        Observation,
        OverrideRequest,
        OverrideWork,
        Request,
        RolloutProgress,
        Sighting,
    )
    from workflows.calling import CALL, FEW, may_pass, sentence
    from workflows.memory import Memory
    from workflows.messages import EnvironmentInput, EnvironmentResult, EnvironmentSnapshot, EnvironmentState
    from workflows.pauses import Pauses
    from workflows.rollouts import Rollouts
    from workflows.scopes import with_scope
    from workflows.teardown import Teardown
    from workflows.telling import Telling

TRY_AGAIN_AT_MOST = timedelta(minutes=5)
"""While an outside system doesn't answer; a signal ends the pause at any time."""
AFTER_ROLLOUT = timedelta(seconds=20)
"""Until what a rollout left is looked at first: what it waited for was true a moment ago, and many may end at once."""
MOST_OF_A_REFUSAL = 400


@workflow.defn
class EnvironmentWorkflow:
    """One rollout at a time, the newest wins; checks and repairs what runs; ends when cluster and registry say all is gone."""

    @workflow.init
    def __init__(self, given: EnvironmentInput) -> None:
        self._news = False
        self._sighting = Sighting()
        self._is_settling = False
        self._memory = Memory(given.key, given.state or EnvironmentState())
        self._pauses = Pauses()
        self._rollouts = Rollouts(self._memory, on_end=self._want_look)
        self._teardown = Teardown(self._memory, self._pauses)
        self._telling = Telling(self._memory, is_continued=given.state is not None)

    @workflow.run
    async def run(self, given: EnvironmentInput) -> EnvironmentResult:
        beside = self._telling.start()
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
    def look(self, sighting: Sighting | None = None) -> None:
        """Something changed: the resource, its guards, its workload. A rollout that runs watches the last two itself."""
        if sighting is None:
            self._news = True
        elif sighting.uid is not None:
            self._sighting = sighting
        elif not self._rollouts.is_rolling:
            self._news = True

    @workflow.signal
    def tell(self) -> None:
        """From the pull request: it was lost for a while, or didn't know yet that this is its environment."""
        self._telling.tell_again()

    @workflow.signal
    def new_commit(self, request: Request) -> None:
        self._news = True

    @workflow.signal
    def progress(self, progress: RolloutProgress) -> None:
        """From the rollout."""
        self._rollouts.hear(progress)

    @workflow.signal
    def retry(self, request: Request) -> None:
        """Run the same commit again."""
        self._memory.keep(wants_retry=True)
        self._news = True

    @workflow.signal
    def override(self, request: OverrideRequest) -> None:
        self._memory.keep(overrides=(*self._memory.state.overrides, with_scope(request)))
        self._news = True

    @workflow.signal
    def close(self, request: Request) -> None:
        """Carried out by the main loop: an error in a signal's handler would end the workflow."""
        self._memory.keep(close=request)
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
            answer = await self._write_override(with_scope(request))
        self._news = True
        return answer

    @override_now.validator
    def _may_override(self, request: OverrideRequest) -> None:
        self._refuse_if_deleting()
        if why := override_refusal(request.model_dump()):
            raise ApplicationError(why, type="NotSet")

    @workflow.update(name="close")
    async def close_now(self, request: Request) -> str:
        with _answers():
            return await self._close(request)

    @close_now.validator
    def _may_close(self, request: Request) -> None:
        self._refuse_if_deleting()

    @workflow.query
    def snapshot(self) -> EnvironmentSnapshot:
        return EnvironmentSnapshot(key=self._memory.key, state=self._memory.state)

    # --- what is done about it -----------------------------------------------------------------------------------

    async def _is_over(self) -> bool:
        """No resource, nothing left of it, everybody told, and nothing new heard meanwhile (design: rule 6)."""
        if not await self._look_and_act():
            return False
        await self._telling.say_goodbye()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return not self._has_news()

    def _want_look(self) -> None:
        self._news = True

    def _has_news(self) -> bool:
        known, sighting = self._memory.state, self._sighting
        is_unseen = sighting.uid is not None and (
            sighting.uid != known.uid or sighting.generation > known.report.generation
        )
        return self._news or is_unseen

    async def _look_and_act(self) -> bool:
        """Whether there is no resource and nothing left of it."""
        self._is_settling = self._rollouts.was_just_over()
        if self._is_settling and not self._has_news() and workflow.patched("rests-after-rollout"):
            self._pauses.wake_in(AFTER_ROLLOUT)
            return False
        self._news, self._sighting = False, Sighting()
        try:
            return await self._act(await self._observe())
        except (ActivityError, ApplicationError) as error:
            if is_cancelled_exception(error):
                raise
            self._memory.report(reason="Waiting", message=f"{sentence(error)} It is tried again.")
            self._pauses.grow(TRY_AGAIN_AT_MOST)
            return False

    async def _act(self, seen: Observation) -> bool:
        is_leftover = seen.namespace_uid is not None and seen.namespace_uid != seen.uid
        if seen.uid is None or seen.is_deleting or is_leftover:
            return await self._remove(seen)
        self._pauses.begin_anew()
        self._take_on(seen)
        if self._memory.state.close is not None:
            await self._close(self._memory.state.close)
            self._memory.keep(close=None)
            return False
        await self._write_overrides()
        await self._bring_forward(seen)
        return False

    def _take_on(self, seen: Observation) -> None:
        """A resource of the same name made anew is another environment."""
        memory, former = self._memory, self._memory.state
        if seen.uid != former.uid:
            memory.state = EnvironmentState(
                suspect_until=former.suspect_until,
                overrides=former.overrides,
                close=former.close if former.uid is None else None,
            )
        memory.keep(
            uid=seen.uid,
            identity=seen.identity,
            namespace=seen.namespace,
            pull_request=seen.pull_request,
            deleting_since=None,
        )
        memory.report(
            uid=seen.uid or "",
            generation=seen.generation,
            namespace=seen.namespace or "",
            overridden=seen.overridden,
        )

    async def _bring_forward(self, seen: Observation) -> None:
        if seen.problem or seen.target is None or seen.identity is None or seen.namespace is None:
            await self._rollouts.cancel()
            self._memory.keep(retry_at=None)
            text = seen.problem or Message(reason="NoCommit", text="The Environment names no commit.")
            self._memory.report(phase=Phase.FAILED, reason=text.reason, message=text.text)
        elif self._rollouts.is_due(seen):
            await self._rollouts.cancel()
            self._rollouts.start(seen)
        elif self._is_settling and workflow.patched("checked-later"):
            self._pauses.wake_in(AFTER_ROLLOUT)
        else:
            await self._rollouts.check()

    async def _remove(self, seen: Observation) -> bool:
        """Whether there is no resource and nothing left of it."""
        await self._rollouts.cancel()
        namespace = seen.namespace or self._memory.state.namespace
        uid = seen.namespace_uid or seen.uid or self._memory.state.uid
        if namespace is not None and uid is not None and not await self._teardown.is_done(seen, namespace, uid):
            return False
        if seen.uid is None:
            return not self._teardown.is_suspect()
        if seen.is_deleting:
            await self._teardown.release()
        self._news = True
        return False

    # --- overrides, closing --------------------------------------------------------------------------------------

    async def _write_overrides(self) -> None:
        while self._memory.state.overrides:
            first = self._memory.state.overrides[0]
            try:
                await self._write_override(first)
            except ActivityError as error:
                if is_cancelled_exception(error) or may_pass(error):
                    raise
                # One that the cluster will never take must not hold up every push after it.
                refused = f"The override by {first.by} was refused: {sentence(error)}"
                self._memory.report(refused=refused[:MOST_OF_A_REFUSAL])
            self._memory.keep(overrides=self._memory.state.overrides[1:])  # others may have come in meanwhile

    async def _write_override(self, request: OverrideRequest) -> str:
        if self._memory.state.uid is None:
            raise ApplicationError("The environment is not there yet: try again in a moment.", type="NotYet")
        work = OverrideWork(key=self._memory.key, uid=self._memory.state.uid, request=request)
        answer = await workflow.execute_activity_method(
            OverrideActivities.override, work, start_to_close_timeout=CALL, retry_policy=FEW
        )
        self._memory.report(refused="")
        return answer

    async def _close(self, request: Request) -> str:
        """A preview is its pull request's: the wish goes there. Any other environment is deleted."""
        if self._memory.state.pull_request is not None:
            owner = workflow.get_external_workflow_handle(pull_request_workflow_id(self._memory.state.pull_request))
            try:
                await owner.signal("close", request)
            except FailureError as error:
                text = "Its pull request's workflow doesn't run; Reconcile starts it within a minute: try again then."
                raise ApplicationError(text, type="OwnerGone") from error
            return "The preview is being removed; retry starts it again."
        if self._memory.state.uid is not None:
            work = DeleteRequest(key=self._memory.key, uid=self._memory.state.uid)
            await workflow.execute_activity_method(
                EnvironmentActivities.delete, work, start_to_close_timeout=CALL, retry_policy=FEW
            )
        self._news = True
        return "The environment is being deleted."

    def _refuse_if_deleting(self) -> None:
        if self._memory.state.deleting_since is not None:
            raise ApplicationError("The environment is being deleted.", type="Deleting")

    # --- machinery -----------------------------------------------------------------------------------------------

    async def _observe(self) -> Observation:
        return await workflow.execute_activity_method(
            EnvironmentActivities.observe, self._memory.key, start_to_close_timeout=CALL, retry_policy=FEW
        )

    async def _next_event(self) -> None:
        at_most = self._pauses.take(self._memory.state, self._rollouts.is_rolling)
        try:
            await workflow.wait_condition(
                lambda: self._has_news() or self._rollouts.is_just_over, timeout=at_most, timeout_summary="look again"
            )
        except TimeoutError:
            pass  # quiet: the cluster is looked at again

    async def _continue_as_new_if_long(self) -> None:
        """Only with no rollout running (design: rule 7)."""
        if workflow.info().is_continue_as_new_suggested() and not self._rollouts.is_rolling:
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new(EnvironmentInput(key=self._memory.key, state=self._memory.state))


@contextmanager
def _answers() -> Iterator[None]:
    """An update's failure is a sentence for who asked, not "Activity task failed"."""
    try:
        yield
    except ActivityError as error:
        raise ApplicationError(sentence(error), type="NotDone") from error
