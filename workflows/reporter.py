"""Reporting never blocks (design: rule 8): newest state wins, one write in flight, retried apart from the work."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

State = TypeVar("State")
RETRY_AFTER = timedelta(seconds=15)
LAST_WORD = timedelta(seconds=60)


class Reporter(Generic[State]):
    """Writes the newest state that was said, in a task of its own."""

    def __init__(self, write: Callable[[State], Awaitable[None]], pause: timedelta = timedelta(0)) -> None:
        """`pause`: least time between two writes."""
        self._write = write
        self._pause = pause
        self._newest: State | None = None
        self._written: State | None = None
        self._task: asyncio.Task[None] | None = None

    def say(self, state: State) -> None:
        self._newest = state
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    @property
    def is_idle(self) -> bool:
        return self._newest == self._written

    async def finish(self) -> None:
        """Wait for the last write, but never for long: the work must end."""
        try:
            await workflow.wait_condition(lambda: self.is_idle, timeout=LAST_WORD)
        except TimeoutError:
            workflow.logger.warning("the last report could not be written in time")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            await workflow.wait_condition(lambda: not self.is_idle)
            state = self._newest
            assert state is not None
            try:
                await self._write(state)
                self._written = state
            except ActivityError as error:
                if isinstance(error.cause, asyncio.CancelledError):
                    raise
                workflow.logger.warning("a report could not be written", extra={"cause": str(error.cause)})
                await workflow.sleep(RETRY_AFTER, summary="report again")
            else:
                if self._pause:
                    await workflow.sleep(self._pause, summary="least time between two reports")
