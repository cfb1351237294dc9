"""What a pull request is told, apart from what is done about it: telling is nobody's precondition (design: rule 8)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.report import ReportActivities
    from environments.messages import CommentView, current_details
    from environments.urgency import BETWEEN_EDITS, is_awaited
    from environments.work import PullRequestReport
    from workflows import visibility
    from workflows.calling import CALL, GIVE_BACK, RETRY, sentence

TRY_AGAIN = timedelta(seconds=5)
"""After a forge that didn't take it; doubled each time."""
TRY_AGAIN_AT_MOST = timedelta(minutes=10)
GOODBYE = timedelta(seconds=30)
"""What the last report may take: it never holds up the end."""


class Reporting:
    """`view`: what there is to tell now; None: nothing yet. The newest state wins, one write is under way."""

    def __init__(self, view: Callable[[], PullRequestReport | None]) -> None:
        self._view = view
        self._told: PullRequestReport | None = None
        self._told_at: datetime | None = None
        self._gathers_first = False
        self._shown = ("", "")

    @property
    def is_told(self) -> bool:
        return not self._is_untold()

    async def keep(self) -> None:
        """Until cancelled."""
        failures = 0
        self._gathers_first = workflow.patched("first-edit-gathers")
        while True:
            await workflow.wait_condition(lambda: self._is_untold())
            await self._gather()
            if (told := self._view()) is None or told == self._told:
                continue
            self._show(told)
            try:
                await self._report(told)
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise  # going on would start a timer after the workflow's last command, which Temporal refuses for ever
                workflow.logger.warning("reporting failed: %s", sentence(error))
                await self._pause_or_change(told, min(TRY_AGAIN * 2**failures, TRY_AGAIN_AT_MOST))
                failures = min(failures + 1, 10)
                continue
            failures = 0
            self._told, self._told_at = told, workflow.now()

    async def _gather(self) -> None:
        """Until something that people wait for, or for as long as an edit of mere progress has to wait."""
        rest = self._rest()
        if rest <= timedelta() or self._is_awaited():
            return
        if not self._gathers_first and not workflow.patched("gathered-progress"):
            return
        try:
            await workflow.wait_condition(self._is_awaited, timeout=rest, timeout_summary="next edit")
        except TimeoutError:
            pass  # what has gathered by now is told in one edit

    def _rest(self) -> timedelta:
        if self._told_at is None:
            return BETWEEN_EDITS if self._gathers_first else timedelta()
        return self._told_at + BETWEEN_EDITS - workflow.now()

    def _is_awaited(self) -> bool:
        now = self._view()
        return now is not None and is_awaited(self._told, now)

    async def say_goodbye(self) -> None:
        """Wait for the last report, but not for ever."""
        try:
            await workflow.wait_condition(lambda: not self._is_untold(), timeout=GOODBYE, timeout_summary="last report")
        except TimeoutError:
            workflow.logger.warning("the last report could not be written in time")

    async def _report(self, told: PullRequestReport) -> None:
        await workflow.execute_activity_method(
            ReportActivities.report,
            told,
            start_to_close_timeout=CALL,
            schedule_to_close_timeout=CALL + GIVE_BACK,
            retry_policy=RETRY,
        )

    async def _pause_or_change(self, told: PullRequestReport, pause: timedelta) -> None:
        """A forge that refuses for ever (a locked conversation) isn't asked every few seconds for ever."""
        try:
            await workflow.wait_condition(lambda: self._view() != told, timeout=pause, timeout_summary="report again")
        except TimeoutError:
            pass

    def _is_untold(self) -> bool:
        view = self._view()
        is_empty = view is not None and view.report is None and view.message is None
        return view is not None and not is_empty and view != self._told

    def _show(self, told: PullRequestReport) -> None:
        """For Temporal's own UI."""
        pull_request, report = told.pull_request, told.report
        updates: list[Any] = []
        phase = report.phase.value if report else (told.message.reason if told.message else "")
        if self._told is None:
            updates += [
                visibility.REPOSITORY.value_set(pull_request.repository.full_name),
                visibility.PULL_REQUEST.value_set(pull_request.key.number),
            ]
        if self._shown != (phase, pull_request.head_sha):
            updates += [visibility.PHASE.value_set(phase), visibility.SHA.value_set(pull_request.head_sha)]
            workflow.upsert_search_attributes(updates)
            self._shown = (phase, str(pull_request.head_sha))
        workflow.set_current_details(current_details(_as_comment(told)))


def _as_comment(told: PullRequestReport) -> CommentView:
    return CommentView(
        pull_request=told.pull_request,
        report=told.report,
        message=told.message,
        note=told.note,
        log_tail="",
        now=workflow.now(),
        api_url=None,
    )
