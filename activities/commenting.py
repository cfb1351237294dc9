"""Commands in a pull request's comments: what one says and who wrote it, and the answer (issue 6)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.errors import gateway_errors
from activities.lateness import refuse_if_late
from activities.protocols import Audit, Comment, Forge, ForgeRefused, Logs, Reaction
from environments.comment_commands import Command, Mistake, parse, row_of
from environments.comment_commands.commands import Approve, ShowHelp, ShowLogs, ShowStatus
from environments.comment_commands.replies import (
    Declined,
    Done,
    Help,
    NotApproved,
    NotPermitted,
    Result,
    Status,
    reply,
    reply_marker,
)
from environments.comment_commands.replies import Logs as LogAnswer
from environments.messages import CommentView
from environments.model import PullRequestKey
from environments.report import EnvironmentReport
from environments.work import CommentAnswer, CommentWork, HeardComment, Outcome, PullRequestReport

LOG_LINES = 30
LOGS = ("container", "install", "build")
"""In which order they are looked at: what ran last says most."""


@dataclass(frozen=True)
class CommentActivities:
    forges: Mapping[str, Forge]
    logs: Logs
    audit: Audit

    @activity.defn
    @gateway_errors
    async def hear(self, work: CommentWork) -> HeardComment:
        """What the comment says now, and of that what its author may: asked of the forge, never taken from a payload."""
        forge = self.forges[work.pull_request.forge]
        comment = await forge.comment(work.pull_request, work.comment)
        # In a thread: a hostile comment takes seconds, and heartbeats of others are due meanwhile.
        found = () if comment is None or comment.is_ours else await asyncio.to_thread(parse, comment.body)
        if comment is None or not found:
            return HeardComment()
        commands = tuple(each for each in found if not isinstance(each, Mistake))
        permitted = await self._permitted(forge, work.pull_request, comment, commands)
        await _mark(forge, work.pull_request, work.comment, "eyes")
        return HeardComment(
            by=comment.author,
            commands=tuple(each for each in commands if each in permitted),
            not_permitted=tuple(each for each in commands if each not in permitted),
            mistakes=tuple(each for each in found if isinstance(each, Mistake)),
        )

    @activity.defn
    @gateway_errors
    async def note(self, answer: CommentAnswer) -> None:
        """In the audit log: what was asked of what changes something, and why not. Values of variables stay out of it.

        Apart from the answer, which a forge may take after hours only, and many attempts.
        """
        key, heard = answer.told.pull_request.key, answer.heard
        subject = answer.told.report.namespace if answer.told.report else ""
        for outcome in answer.outcomes:
            if row_of(outcome.command).is_change:
                detail = outcome.command.model_dump(mode="json", exclude={"verb", "value", "command"})
                detail |= {"comment": answer.comment, "pull_request": str(key.number), "refused": outcome.refused}
                await self.audit.record(heard.by, outcome.command.verb, subject or _place(answer), detail)

    @activity.defn
    @gateway_errors
    async def answer(self, answer: CommentAnswer) -> None:
        """A mark where all was accepted, words where something wasn't or was asked for. Written twice, it is one reply."""
        key = answer.told.pull_request.key
        forge, results = self.forges[key.forge], self._results(answer)
        if (text := reply(results, answer.comment)) is not None:
            refuse_if_late()
            await forge.put_comment(key, reply_marker(answer.comment), text)
        if all(isinstance(each, Done | Help | Status | LogAnswer) for each in results):
            await _mark(forge, key, answer.comment, "+1")

    async def _permitted(
        self, forge: Forge, key: PullRequestKey, comment: Comment, commands: Sequence[Command]
    ) -> Sequence[Command]:
        """Whoever may comment may read."""
        if all(row_of(each).permission == "read" for each in commands):
            return commands
        if await forge.may_write(key.repository_id, comment.author):
            return commands
        return [each for each in commands if row_of(each).permission == "read"]

    def _results(self, answer: CommentAnswer) -> tuple[Result, ...]:
        repository = answer.told.pull_request.repository.full_name
        not_permitted = [
            NotPermitted(command=each, by=answer.heard.by, repository=repository) for each in answer.heard.not_permitted
        ]
        outcomes = [self._result(each, answer.told) for each in answer.outcomes]
        return (*outcomes, *not_permitted, *answer.heard.mistakes)

    def _result(self, outcome: Outcome, told: PullRequestReport) -> Result:
        command, seen = outcome.command, told.pull_request
        match command:
            case ShowHelp():
                return Help(command=command)
            case ShowStatus():
                return Status(command=command, view=_view(told))
            case ShowLogs():
                return self._log(command, told.report)
            case Approve() if outcome.refused and seen.is_open and seen.is_from_fork:
                return NotApproved(command=command, head=seen.head_sha)
        return Declined(command=command, reason=outcome.refused) if outcome.refused else Done(command=command)

    def _log(self, command: ShowLogs, report: EnvironmentReport | None) -> LogAnswer:
        """The end of the log that explains a failure, or of what ran last."""
        ids = [f"{report.namespace}/{report.rollout}/{name}" for name in LOGS] if report and report.namespace else []
        first = [report.failed_log] if report and report.failed_log else []
        for log in (*first, *ids):
            if text := self.logs.tail(log, LOG_LINES):
                return LogAnswer(command=command, name=log.rpartition("/")[2], text=text)
        return LogAnswer(command=command, name="")


async def _mark(forge: Forge, key: PullRequestKey, comment: int, reaction: Reaction) -> None:
    """Forges can be set up to take other reactions, or none: no command fails for that."""
    refuse_if_late()
    try:
        await forge.react(key, comment, reaction)
    except ForgeRefused as error:
        activity.logger.warning("the comment %s has no %s of ours: %s", comment, reaction, error)


def _view(told: PullRequestReport) -> CommentView:
    return CommentView(
        pull_request=told.pull_request,
        report=told.report,
        message=told.message,
        note=told.note,
        now=datetime.now(UTC),
    )


def _place(answer: CommentAnswer) -> str:
    """Of a pull request without an environment."""
    seen = answer.told.pull_request
    return f"{seen.repository.full_name}#{seen.key.number}"
