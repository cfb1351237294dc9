"""One workflow per pull request, from opened until everything of it is gone. Workflow id: names.pull_request_workflow_id."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.pull_request import PullRequestActivities
    from environments.model import Message, PullRequest
    from environments.policy import Decision, Deploy, Remove, Wishes, decide
    from environments.resources import environment_key
    from environments.work import DeclareRequest, EnvironmentChanged, RemoveRequest, Request
    from workflows.messages import PullRequestInput, PullRequestResult, PullRequestSnapshot, PullRequestState

CALL = timedelta(seconds=30)
"""One attempt to talk to forge or cluster; tried again without limit, because giving up would leave a zombie."""
LOOK_AGAIN = timedelta(minutes=10)
"""Webhooks get lost: how long a quiet pull request goes unobserved at most, besides Reconcile."""
TRY_AGAIN = timedelta(seconds=5)
"""While something is being removed, or an outside system doesn't answer."""
RETRY = RetryPolicy(maximum_interval=timedelta(seconds=30))


@workflow.defn
class PullRequestWorkflow:
    """Declares what should exist for the newest commit, and does not end before it is gone."""

    @workflow.init
    def __init__(self, given: PullRequestInput) -> None:
        state = given.state or PullRequestState()
        self._key = given.key
        self._wishes = state.wishes
        self._declared = state.declared
        self._report = state.report
        self._pull_request: PullRequest | None = None
        self._message: Message | None = None
        self._environment = state.environment or given.environment
        self._is_settled = False
        self._news = False

    @workflow.run
    async def run(self, given: PullRequestInput) -> PullRequestResult:
        while True:
            self._news = False
            try:
                over = await self._look_and_act()
            except ActivityError as error:
                self._note_failure(error)
            else:
                if over is not None:
                    return PullRequestResult(message=over)
            await self._next_event()
            await self._continue_as_new_if_long()

    # --- what happens: facts from webhooks, and wishes of people ---

    @workflow.signal
    def new_commit(self, request: Request) -> None:
        self._news = True

    @workflow.signal
    def look(self, request: Request) -> None:
        self._news = True

    @workflow.signal
    def close(self, request: Request) -> None:
        """From a webhook only a hint; from a person the wish to have the preview removed until `retry`."""
        if request.delivery is None:
            self._wishes = self._wishes.model_copy(update={"stopped_by": request.by, "stop_reason": request.reason})
        self._news = True

    @workflow.signal
    def retry(self, request: Request) -> None:
        """Lift a stop, or run the same commit again."""
        self._wishes = Wishes(retry=self._wishes.retry + 1)
        self._news = True

    @workflow.signal
    def environment_changed(self, changed: EnvironmentChanged) -> None:
        """An older uid or generation is ignored (design: rule 4)."""
        declared = self._declared
        if declared and changed.report.uid == declared.uid and changed.report.generation >= declared.generation:
            self._report = changed.report
            self._news = True

    @workflow.update(name="close")
    def close_now(self, request: Request) -> str:
        self.close(request)
        return "The preview is being removed; retry starts it again."

    @close_now.validator
    def _may_close(self, request: Request) -> None:
        if self._wishes.stopped_by is not None:
            raise ApplicationError(f"It is stopped already, by {self._wishes.stopped_by}.", type="AlreadyStopped")

    @workflow.update(name="retry")
    def retry_now(self, request: Request) -> str:
        self.retry(request)
        return "The newest commit is being deployed again."

    @retry_now.validator
    def _may_retry(self, request: Request) -> None:
        if self._pull_request is not None and not self._pull_request.is_open:
            raise ApplicationError("The pull request is closed: reopen it on the forge.", type="Closed")

    @workflow.query
    def snapshot(self) -> PullRequestSnapshot:
        return PullRequestSnapshot(pull_request=self._pull_request, state=self._state(), message=self._message)

    # --- what is done about it ---

    async def _look_and_act(self) -> Message | None:
        """The reason why it is over, once nothing is left and the forge still says so."""
        self._pull_request = await self._look()
        decision = decide(self._pull_request, self._wishes)
        self._is_settled = await self._carry_out(decision)
        if isinstance(decision, Remove) and decision.is_final and self._is_settled and await self._stays_over():
            return decision.message
        return None

    def _note_failure(self, error: ActivityError) -> None:
        """Nothing that an outside system answers may end this workflow: it is tried again, and said meanwhile."""
        if is_cancelled_exception(error):
            raise error
        self._message = Message(reason="Waiting", text=f"{error.cause or error} It is tried again.")
        self._is_settled = False

    async def _look(self) -> PullRequest | None:
        return await workflow.execute_activity_method(
            PullRequestActivities.look, self._key, start_to_close_timeout=CALL, retry_policy=RETRY
        )

    async def _carry_out(self, decision: Decision) -> bool:
        """Whether the world is as decided, as far as this workflow can bring it there."""
        self._message = None if isinstance(decision, Deploy) else decision.message
        if isinstance(decision, Deploy):
            return await self._declare(decision)
        return await self._remove()

    async def _declare(self, decision: Deploy) -> bool:
        pull_request, retry = self._pull_request, self._wishes.retry
        assert pull_request is not None
        # Known before the first write, so that what a lost answer left behind is removed too.
        self._environment = environment_key(decision.identity)
        request = DeclareRequest(
            pull_request=pull_request,
            identity=decision.identity,
            retry=retry,
            not_after=(workflow.now() + CALL).isoformat(),
        )
        result = await workflow.execute_activity_method(
            PullRequestActivities.declare,
            request,
            start_to_close_timeout=CALL,
            # The attempt's deadline is part of the request, so a second attempt needs a new one: the loop makes it.
            schedule_to_close_timeout=CALL,
            retry_policy=RETRY,
        )
        if result.declared is None:
            self._message = Message(reason=result.reason, text=result.blocked)
            return not result.may_change
        self._declared = result.declared
        return True

    async def _remove(self) -> bool:
        if self._environment is None:
            return True
        request = RemoveRequest(key=self._environment, pull_request=self._key)
        gone = await workflow.execute_activity_method(
            PullRequestActivities.remove, request, start_to_close_timeout=CALL, retry_policy=RETRY
        )
        if gone:
            self._declared = self._report = self._environment = None
        return gone

    async def _stays_over(self) -> bool:
        """After teardown the signals are drained and the forge is asked once more (design: rule 6)."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._news = False
        self._pull_request = await self._look()
        decision = decide(self._pull_request, self._wishes)
        return isinstance(decision, Remove) and decision.is_final and not self._news

    async def _next_event(self) -> None:
        at_most = LOOK_AGAIN if self._is_settled else TRY_AGAIN
        try:
            await workflow.wait_condition(lambda: self._news, timeout=at_most, timeout_summary="look again")
        except TimeoutError:
            pass  # quiet: the forge and the cluster are looked at again

    async def _continue_as_new_if_long(self) -> None:
        if workflow.info().is_continue_as_new_suggested():
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new(PullRequestInput(key=self._key, state=self._state()))

    def _state(self) -> PullRequestState:
        return PullRequestState(
            wishes=self._wishes, environment=self._environment, declared=self._declared, report=self._report
        )
