"""What people push from their environment: one push at a time, and what the terminal asks for is kept until it is answered."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.pushing import PushActivities
    from environments.model import PullRequestKey
    from environments.pushing import NO_ENVIRONMENT
    from environments.work import Declared, PushRequest, PushResult, PushWork
    from workflows.calling import FEW, HEARTBEAT, beside, sentence

PUSH = timedelta(minutes=2)
"""Above the activity's own patience, which has the better sentence."""


class Pushing:
    def __init__(
        self, key: PullRequestKey, pending: tuple[PushRequest, ...], where: Callable[[], Declared | None]
    ) -> None:
        """`where`: the environment as it was declared last."""
        self._key, self._where = key, where
        self.pending = pending
        """From terminals; survives continue-as-new."""
        self._one_at_a_time = asyncio.Lock()

    def start(self) -> asyncio.Task[None]:
        return beside(self._keep_pushing())

    def hear(self, request: PushRequest) -> None:
        """From a terminal, perhaps twice."""
        if request.id not in {each.id for each in self.pending}:
            self.pending = (*self.pending, request)

    async def now(self, request: PushRequest) -> str:
        """For whoever waits for the answer. Raises ApplicationError."""
        try:
            result = await self._push(request)
        except ActivityError as error:
            raise ApplicationError(sentence(error), type="NotPushed") from error
        if not result.is_done:
            raise ApplicationError(result.message, type="NotPushed")
        return result.message

    async def _keep_pushing(self) -> None:
        while True:
            await workflow.wait_condition(lambda: bool(self.pending))
            try:
                await self._push(self.pending[0])
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                workflow.logger.warning("a push from a terminal wasn't answered: %s", sentence(error))
            self.pending = self.pending[1:]  # others may have come in meanwhile

    async def _push(self, request: PushRequest) -> PushResult:
        async with self._one_at_a_time:
            declared = self._where()
            if declared is None:
                return PushResult(message=NO_ENVIRONMENT)
            work = PushWork(
                pull_request=self._key,
                key=declared.key,
                namespace=declared.namespace,
                uid=declared.uid,
                request=request,
            )
            result: PushResult = await workflow.execute_activity_method(
                PushActivities.push,
                work,
                start_to_close_timeout=PUSH,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=FEW,
            )
            return result
