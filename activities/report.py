"""Telling a pull request what is going on: the one comment and the commit status."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.errors import gateway_errors
from activities.lateness import refuse_if_late
from activities.protocols import Forge, Logs
from environments.messages import COMMENT_MARKER, CommentView, comment, commit_status
from environments.work import PullRequestReport

LOG_LINES = 30
"""Of a failed step's log on the pull request; the whole log is in the API."""


@dataclass(frozen=True)
class ReportActivities:
    forges: Mapping[str, Forge]
    logs: Logs
    api_url: str

    @activity.defn
    @gateway_errors
    async def report(self, told: PullRequestReport) -> None:
        """Idempotent: the comment is edited in place, a status of the same commit is overwritten."""
        pull_request, failed_log = told.pull_request, told.report.failed_log if told.report else None
        view = CommentView(
            pull_request=pull_request,
            report=told.report,
            message=told.message,
            note=told.note,
            log_tail=self.logs.tail(failed_log, LOG_LINES) if failed_log else "",
            now=(told.report.updated_at if told.report else None) or datetime.now(UTC),
            api_url=self.api_url,
        )
        forge, status = self.forges[pull_request.key.forge], commit_status(view)
        refuse_if_late()
        await forge.put_comment(pull_request.key, COMMENT_MARKER, comment(view))
        refuse_if_late()
        await forge.put_status(pull_request.key, pull_request.head_sha, status.state, status.description, status.url)
