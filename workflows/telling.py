"""An environment's news on their way out: status, index, pull request, Temporal's own UI. Apart from the main loop, so that no
writer that is down holds up a rollout or a teardown (design: rule 8)."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.environment import EnvironmentActivities
    from environments.messages import CommentView, current_details
    from environments.names import pull_request_workflow_id
    from environments.work import EnvironmentChanged, Publication
    from workflows import visibility
    from workflows.calling import CALL, RETRY, beside, sentence
    from workflows.memory import Memory
    from workflows.pauses import TRY_AGAIN

GOODBYE = timedelta(seconds=30)
"""What the last report may take."""


class Telling:
    """Newest state wins, one write under way."""

    def __init__(self, memory: Memory, is_continued: bool) -> None:
        """`is_continued`: after continue-as-new the last report is written once more: its write may have been cut off."""
        self._memory = memory
        self._asked = 0
        """How often the pull request asked to be told again."""
        self._published = None if is_continued else memory.state.report
        self._told = None if is_continued else (self._asked, memory.state.report)

    def start(self) -> Iterable[asyncio.Task[None]]:
        return (beside(self._keep_publishing()), beside(self._keep_telling()))

    def tell_again(self) -> None:
        self._asked += 1

    async def say_goodbye(self) -> None:
        """Wait until everybody knows, at most GOODBYE."""
        try:
            await workflow.wait_condition(self._is_all_told, timeout=GOODBYE)
        except TimeoutError:
            workflow.logger.warning("the last report could not be written in time")

    def _is_all_told(self) -> bool:
        report = self._memory.state.report
        return self._published == report and self._told == (self._asked, report)

    async def _keep_publishing(self) -> None:
        shown: dict[Any, str | None] = {}
        while True:
            await workflow.wait_condition(lambda: self._published != self._memory.state.report)
            report = self._memory.state.report
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
            await workflow.wait_condition(lambda: self._told != (self._asked, self._memory.state.report))
            told = self._asked, self._memory.state.report
            await self._tell_pull_request()
            self._told = told

    def _show(self, before: dict[Any, str | None]) -> dict[Any, str | None]:
        """For Temporal's own UI."""
        report, identity = self._memory.state.report, self._memory.state.identity
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
        state = self._memory.state
        if not state.report.uid:
            return  # no resource was seen yet
        publication = Publication(
            key=self._memory.key,
            identity=state.identity,
            pull_request=state.pull_request,
            branch=state.attempted.target.branch if state.attempted else "",
            report=state.report,
        )
        # Without a limit: whatever refuses it, the newest state is written once it can be.
        await workflow.execute_activity_method(
            EnvironmentActivities.publish, publication, start_to_close_timeout=CALL, retry_policy=RETRY
        )

    async def _tell_pull_request(self) -> None:
        state = self._memory.state
        if state.pull_request is None:
            return
        owner = workflow.get_external_workflow_handle(pull_request_workflow_id(state.pull_request))
        try:
            await owner.signal("environment_changed", EnvironmentChanged(key=self._memory.key, report=state.report))
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.info("the pull request's workflow doesn't run; Reconcile starts it where it should")
