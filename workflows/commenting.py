"""Commands in comments: one comment at a time, each answered once, beside whatever else goes on."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.commenting import CommentActivities
    from environments.comment_commands import Command
    from environments.model import PullRequestKey
    from environments.work import (
        CommentAnswer,
        CommentRequest,
        CommentWork,
        HeardComment,
        Outcome,
        PullRequestReport,
    )
    from workflows.calling import CALL, RETRY, sentence

MOST_PENDING = 50
"""Comments that wait: anybody may write them."""
MOST_ANSWERED = 100
"""Comments that are remembered: forges deliver a webhook again on request, and a command is carried out once."""
GOODBYE = timedelta(seconds=30)
"""What waiting comments may keep a workflow from ending."""


class Commenting:
    def __init__(
        self,
        key: PullRequestKey,
        pending: tuple[int, ...],
        answered: tuple[int, ...],
        carry_out: Callable[[Command, str], str],
        view: Callable[[], PullRequestReport | None],
        look: Callable[[], Awaitable[None]],
    ) -> None:
        """`carry_out`: a command and who wrote it; why not, or nothing. `view`: what there is to tell; None: nothing yet. `look`:
        ask the forge once more."""
        self._key, self._carry_out, self._view, self._look = key, carry_out, view, look
        self.pending, self.answered = pending, answered
        """Ids; both survive continue-as-new."""
        self.is_busy = False
        """With one of them, which would be carried out again after continue-as-new."""

    def hear(self, request: CommentRequest) -> None:
        is_known = request.comment in (*self.pending, *self.answered)
        if is_known:
            return
        if len(self.pending) >= MOST_PENDING:
            workflow.logger.warning(
                "%s comments wait already: the comment %s isn't heard", MOST_PENDING, request.comment
            )
            return
        self.pending = (*self.pending, request.comment)

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            await workflow.wait_condition(lambda: bool(self.pending) and self._view() is not None)
            self.is_busy = True
            try:
                await self._answer(self.pending[0])
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                workflow.logger.warning("a comment wasn't answered: %s", sentence(error))
            self.answered = (*self.answered, self.pending[0])[-MOST_ANSWERED:]
            self.pending = self.pending[1:]  # others may have come in meanwhile
            self.is_busy = False

    async def say_goodbye(self) -> None:
        """Wait for the answers, but not for ever."""
        if not self.pending:
            return
        try:
            await workflow.wait_condition(lambda: not self.pending, timeout=GOODBYE, timeout_summary="last answers")
        except TimeoutError:
            workflow.logger.warning("comments stay without an answer: %s", self.pending)

    async def _answer(self, comment: int) -> None:
        """Without a limit: a forge that is down for an hour answers after it, and a command is carried out once."""
        heard: HeardComment = await workflow.execute_activity_method(
            CommentActivities.hear,
            CommentWork(pull_request=self._key, comment=comment),
            start_to_close_timeout=CALL,
            retry_policy=RETRY,
        )
        if heard.is_empty:
            return
        if any(each.verb == "approve" for each in heard.commands):
            await self._look()  # whoever approves may have seen a commit that wasn't heard of here
        outcomes = tuple(Outcome(command=each, refused=self._carry_out(each, heard.by)) for each in heard.commands)
        told = self._view()
        assert told is not None
        answer = CommentAnswer(told=told, comment=comment, heard=heard, outcomes=outcomes)
        for method in (CommentActivities.note, CommentActivities.answer):
            await workflow.execute_activity_method(method, answer, start_to_close_timeout=CALL, retry_policy=RETRY)
