"""One workflow per pull request, from opened until everything of it is gone. Workflow id: names.pull_request_workflow_id."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.pull_request import PullRequestActivities
    from environments.comment_commands import Command, row_of
    from environments.comment_commands.obeying import command_refusal, override_of
    from environments.deletions import deleter
    from environments.model import CommitSha, Message, Phase
    from environments.names import environment_workflow_id
    from environments.overriding import override_refusal
    from environments.policy import SHA, Approval, Decision, Deploy, Remove, approval_refusal, decide
    from environments.pushing import NO_ENVIRONMENT, refusal
    from environments.report import EnvironmentReport
    from environments.resources import environment_key
    from environments.work import (
        CommentRequest,
        DeclareRequest,
        EnvironmentChanged,
        OverrideRequest,
        PullRequestReport,
        PushRequest,
        RemoveRequest,
        Request,
        SeenPullRequest,
    )
    from workflows.calling import CALL, GIVE_BACK, RETRY, beside, sentence
    from workflows.commenting import Commenting
    from workflows.messages import PullRequestInput, PullRequestResult, PullRequestSnapshot, PullRequestState
    from workflows.pushing import Pushing
    from workflows.reporting import Reporting
    from workflows.scopes import with_scope

LOOK_AGAIN = timedelta(minutes=10)
"""Webhooks get lost: how long a quiet pull request goes unobserved at most, besides Reconcile."""
SPEAKS_WITHIN = timedelta(seconds=5)
"""For so long an environment that was just declared isn't asked how it is."""
SEES_WITHIN = timedelta(seconds=10)
"""What a comment waits for the forge to be asked."""
TRY_AGAIN = timedelta(seconds=5)
"""While something is being removed, or an outside system doesn't answer; doubled each time."""
TRY_AGAIN_AT_MOST = timedelta(minutes=1)
"""The environment's own news, or anybody's signal, ends the pause at any time."""


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
        self._pull_request: SeenPullRequest | None = None
        self._message: Message | None = None
        self._environment = state.environment or given.environment
        self._is_settled = False
        self._pauses = 0
        self._news = False
        self._is_removing = state.is_removing
        self._overrides = state.overrides
        self._pushing = Pushing(given.key, state.pushes, lambda: self._declared)
        self._unheard: EnvironmentReport | None = None
        """What an environment said that isn't known, or not yet."""
        self._seen: SeenPullRequest | None = None
        """The last that the forge said of it while it still knew it."""
        self._reporting = Reporting(self._view)
        self._looks = 0
        self._commenting = Commenting(given.key, state.comments, state.answered, self._obey, self._view, self._see)

    @workflow.run
    async def run(self, given: PullRequestInput) -> PullRequestResult:
        tasks = (beside(self._reporting.keep()), self._pushing.start(), beside(self._commenting.keep()))
        try:
            while (over := await self._look_and_act()) is None:
                await self._next_event()
                await self._continue_as_new_if_long()
        finally:
            for task in tasks:
                task.cancel()
        return PullRequestResult(message=over)

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
        self._wishes = self._wishes.lifted().model_copy(update={"retry": self._wishes.retry + 1})
        self._news = True

    @workflow.signal
    def deploy(self, request: Request) -> None:
        """Lift a stop, or start what the project's rules make on request."""
        self._wishes = self._wishes.lifted().model_copy(update={"requested_by": request.by})
        self._news = True

    @workflow.signal
    def approve(self, request: Request) -> None:
        """A fork's commit, by its whole SHA; a newer push voids it."""
        if request.sha is not None and SHA.fullmatch(request.sha):
            approval = Approval(sha=CommitSha(request.sha), by=request.by)
            self._wishes = self._wishes.model_copy(update={"approved": approval})
        self._news = True

    @workflow.signal
    def environment_changed(self, changed: EnvironmentChanged) -> None:
        """An older uid or generation is ignored (design: rule 4); one that isn't known yet may be the one just being declared."""
        self._unheard = changed.report
        self._hear()

    @workflow.signal
    def override(self, request: OverrideRequest) -> None:
        """Set or reset what was detected. Handed over by the main loop: an error in a signal's handler would end the workflow."""
        self._overrides = (*self._overrides, with_scope(request))
        self._news = True

    @workflow.signal
    def push(self, request: PushRequest) -> None:
        """From the environment's terminal, which waits for the answer."""
        self._pushing.hear(request)

    @workflow.signal
    def commented(self, request: CommentRequest) -> None:
        """A comment that may hold commands (docs/commands.md)."""
        self._commenting.hear(request)

    @workflow.update(name="new_commit")
    def new_commit_now(self, request: Request) -> str:
        """Never refused: it only says "look", and what was seen last may be out of date."""
        self.new_commit(request)
        return "The forge is asked for the newest commit now."

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

    @workflow.update(name="deploy")
    def deploy_now(self, request: Request) -> str:
        self.deploy(request)
        return "The newest commit is being deployed, unless a rule stands against it that the pull request names."

    @deploy_now.validator
    def _may_deploy(self, request: Request) -> None:
        self._may_retry(request)

    @workflow.update(name="approve")
    def approve_now(self, request: Request) -> str:
        self.approve(request)
        return f"The commit {(request.sha or '')[:7]} may run."

    @approve_now.validator
    def _may_approve(self, request: Request) -> None:
        if why := approval_refusal(self._pull_request, request.sha):
            raise ApplicationError(why, type="NotApproved")

    @workflow.update(name="override")
    async def override_now(self, request: OverrideRequest) -> str:
        await self._hand_over(with_scope(request))
        return "The override was handed to the environment."

    @override_now.validator
    def _may_override(self, request: OverrideRequest) -> None:
        if self._environment is None:
            raise ApplicationError("There is no environment that it could be set for.", type="NoEnvironment")
        if why := override_refusal(request.model_dump()):
            raise ApplicationError(why, type="NotSet")

    @workflow.update(name="push")
    async def push_now(self, request: PushRequest) -> str:
        return await self._pushing.now(request)

    @push_now.validator
    def _may_push(self, request: PushRequest) -> None:
        why = refusal(self._pull_request) if self._pull_request else None
        if why or self._declared is None:
            raise ApplicationError(why or NO_ENVIRONMENT, type="NotPushed")

    @workflow.query
    def snapshot(self) -> PullRequestSnapshot:
        return PullRequestSnapshot(
            pull_request=self._pull_request,
            state=self._state(),
            message=self._message,
            is_told=self._reporting.is_told,
        )

    def _obey(self, command: Command, by: str) -> str:
        """Why not, as a sentence; empty: it is done, or somebody else answers it."""
        if not row_of(command).is_change:
            return ""
        if why := command_refusal(command, self._pull_request, self._wishes, self._environment):
            return why
        request = Request(by=by)
        match command.verb:
            case "deploy" | "start":
                self.deploy(request)
            case "retry":
                self.retry(request)
            case "stop":
                self.close(request)
            case "approve":
                self.approve(Request(by=by, sha=command.sha))
            case "env" | "command" | "reset":
                self.override(override_of(command, by))
        return ""

    # --- what is done about it ---

    async def _look_and_act(self) -> Message | None:
        """The reason why it is over, once nothing is left and the forge still says so."""
        self._news = False
        try:
            return await self._look_and_carry_out()
        except ActivityError as error:
            self._note_failure(error)
            return None

    async def _look_and_carry_out(self) -> Message | None:
        self._pull_request = await self._look()
        decision = self._decide()
        self._is_settled = await self._carry_out(decision)
        if isinstance(decision, Remove) and decision.is_final and self._is_settled:
            return await self._end(decision.message)
        return None

    async def _end(self, message: Message) -> Message | None:
        """The message, when it stays the last one."""
        if await self._stays_over():
            await self._commenting.say_goodbye()
            await self._reporting.say_goodbye()
            return message if not self._news else None
        if workflow.patched("reopened-unheard"):
            self._news = True  # what was seen is acted on at once: the webhook that would tell may be lost
        return None

    def _note_failure(self, error: ActivityError) -> None:
        """Nothing that an outside system answers may end this workflow: it is tried again, and said meanwhile."""
        if is_cancelled_exception(error):
            raise error
        self._message = Message(reason="Waiting", text=f"{sentence(error)} It is tried again.")
        self._is_settled = False

    async def _look(self) -> SeenPullRequest | None:
        found: SeenPullRequest | None = await self._call(PullRequestActivities.look, self._key)
        if found is not None:
            self._seen = found
        self._looks += 1
        return found

    async def _see(self) -> None:
        """Until the main loop has looked once more, or is busy for long."""
        self._news = True
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: not self._news, timeout=SEES_WITHIN)
            before = self._looks  # that look has begun, and others are over
            await workflow.wait_condition(lambda: self._looks > before, timeout=SEES_WITHIN)

    def _decide(self) -> Decision:
        seen = self._pull_request
        return decide(seen, self._wishes, seen.refusal if seen else None)

    async def _carry_out(self, decision: Decision) -> bool:
        """Whether the world is as decided, as far as this workflow can bring it there."""
        self._message = None if isinstance(decision, Deploy) else decision.message
        if isinstance(decision, Deploy):
            return await self._declare(decision)
        return await self._remove()

    async def _declare(self, decision: Deploy) -> bool:
        pull_request, retry = self._pull_request, self._wishes.retry
        assert pull_request is not None
        wanted = environment_key(decision.identity)
        if self._environment not in (None, wanted) and not await self._remove():
            return False  # the repository was renamed: the environment of its former name goes first
        # Known before the first write, so that what a lost answer left behind is removed too.
        self._environment = wanted
        request = DeclareRequest(
            pull_request=pull_request,
            identity=decision.identity,
            retry=retry,
            not_after=(workflow.now() + CALL).isoformat(),
            decided_at=int(workflow.now().timestamp() * 1000),
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
        self._is_removing = False
        if not await self._hears_of_it():
            await self._ask_to_be_told()
        return await self._hand_over_all()

    def _hear(self) -> None:
        declared, report = self._declared, self._unheard
        if declared is None or report is None or report.uid != declared.uid or report.generation < declared.generation:
            return
        self._report, self._unheard = report, None
        if report.phase in (Phase.DELETING, Phase.DELETED):
            self._note_deletion()

    async def _hears_of_it(self) -> bool:
        """An environment that was just made speaks by itself, maybe before its uid was known here."""
        if not self._has_heard() and workflow.patched("spoken-for-itself"):
            self._hear()
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._has_heard() or self._news, timeout=SPEAKS_WITHIN)
        return self._has_heard()

    def _has_heard(self) -> bool:
        return self._declared is not None and self._report is not None and self._report.uid == self._declared.uid

    async def _ask_to_be_told(self) -> None:
        """What the environment said while this workflow was lost was not heard."""
        if self._environment is None:
            return
        try:
            await workflow.get_external_workflow_handle(environment_workflow_id(self._environment)).signal("tell")
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.info("the environment's workflow doesn't run; Reconcile starts it")

    async def _hand_over_all(self) -> bool:
        while self._overrides:
            try:
                await self._hand_over(self._overrides[0])
            except ApplicationError as error:
                self._message = Message(reason="Waiting", text=error.message)
                return False
            self._overrides = self._overrides[1:]  # others may have come in meanwhile
        return True

    async def _remove(self) -> bool:
        if self._environment is None:
            return True
        request = RemoveRequest(key=self._environment, pull_request=self._key)
        self._is_removing = True
        gone: bool = await self._call(PullRequestActivities.remove, request)
        if gone:
            self._is_removing = False
            self._declared = self._report = self._environment = None
        return gone

    def _note_deletion(self) -> None:
        """Not by us: somebody deleted the resource with kubectl. That is a wish like any other, and not undone behind their back."""
        if not self._is_removing and self._report and self._report.phase is Phase.DELETING:
            who = deleter(self._report.deleted_by)
            self._wishes = self._wishes.model_copy(update={"stopped_by": who, "stop_reason": ""})
        self._news = True

    async def _hand_over(self, request: OverrideRequest) -> None:
        if self._environment is None:
            return
        owner = workflow.get_external_workflow_handle(environment_workflow_id(self._environment))
        try:
            await owner.signal("override", request)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            text = "The environment's workflow doesn't run; Reconcile starts it within a minute: try again then."
            raise ApplicationError(text, type="OwnerGone") from error

    async def _stays_over(self) -> bool:
        """After teardown the signals are drained and the forge is asked once more (design: rule 6)."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._news = False
        self._pull_request = await self._look()
        decision = self._decide()
        return isinstance(decision, Remove) and decision.is_final and not self._news

    def _view(self) -> PullRequestReport | None:
        """What there is to tell; None before the forge said anything of it."""
        if self._seen is None:
            return None
        note = self._seen.note if self._seen.is_open else ""
        return PullRequestReport(pull_request=self._seen, report=self._report, message=self._message, note=note)

    # --- machinery -----------------------------------------------------------------------------------------------

    async def _call(self, method: Any, argument: Any) -> Any:
        return await workflow.execute_activity_method(
            method,
            argument,
            start_to_close_timeout=CALL,
            schedule_to_close_timeout=CALL + GIVE_BACK,
            retry_policy=RETRY,
        )

    async def _next_event(self) -> None:
        self._pauses = 0 if self._is_settled else min(self._pauses + 1, 10)
        at_most = LOOK_AGAIN if self._is_settled else min(TRY_AGAIN * 2 ** (self._pauses - 1), TRY_AGAIN_AT_MOST)
        try:
            await workflow.wait_condition(lambda: self._news, timeout=at_most, timeout_summary="look again")
        except TimeoutError:
            pass  # quiet: the forge and the cluster are looked at again

    async def _continue_as_new_if_long(self) -> None:
        if workflow.info().is_continue_as_new_suggested() and not self._commenting.is_busy:
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new(PullRequestInput(key=self._key, state=self._state()))

    def _state(self) -> PullRequestState:
        return PullRequestState(
            wishes=self._wishes,
            environment=self._environment,
            declared=self._declared,
            report=self._report,
            is_removing=self._is_removing,
            overrides=self._overrides,
            pushes=self._pushing.pending,
            comments=self._commenting.pending,
            answered=self._commenting.answered,
        )
