"""Activities that fall asleep before they do anything, are given up by Temporal, and wake up late and do it all the same."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

Watch = Callable[[str, Any], Callable[[Any], None]]
"""(activity, its argument), called before it; what it returns is called with the result."""


class Zombies(Interceptor):
    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._to_sleep: Counter[str] = Counter()
        self._asleep: dict[asyncio.Task[Any], tuple[str, asyncio.Event]] = {}

    def put_to_sleep(self, name: str) -> None:
        """The next execution of that activity."""
        self._to_sleep[name] += 1

    def sleeping(self, name: str) -> int:
        """How many executions of that activity sleep."""
        return sum(each == name for each, _ in self._asleep.values())

    async def wake(self, name: str | None = None) -> None:
        """Those of that activity, or all, do what they were about to do; nobody is put to sleep any more. Returns when they
        are done."""
        self._to_sleep.clear()
        woken = [task for task, (each, _) in self._asleep.items() if name in (None, each)]
        for task in woken:
            self._asleep[task][1].set()
        if woken:
            await asyncio.wait(woken)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Activity(next, self)

    async def execute(self, next: ActivityInboundInterceptor, input: ExecuteActivityInput) -> Any:
        name = activity.info().activity_type
        if not self._to_sleep[name]:
            return await self._do(next, input)
        self._to_sleep[name] -= 1
        bell = asyncio.Event()
        sleeper = asyncio.create_task(self._sleep_and_do(bell, next, input))
        self._asleep[sleeper] = name, bell
        sleeper.add_done_callback(self._forget)
        # It outlives its cancellation and its worker, as one does whose machine was suspended.
        return await asyncio.shield(sleeper)

    async def _sleep_and_do(
        self, bell: asyncio.Event, next: ActivityInboundInterceptor, input: ExecuteActivityInput
    ) -> Any:
        await bell.wait()
        return await self._do(next, input)

    async def _do(self, next: ActivityInboundInterceptor, input: ExecuteActivityInput) -> Any:
        done = self._watch(activity.info().activity_type, input.args[0] if input.args else None)
        result = await next.execute_activity(input)
        done(result)
        return result

    def _forget(self, sleeper: asyncio.Task[Any]) -> None:
        del self._asleep[sleeper]
        if not sleeper.cancelled():
            sleeper.exception()  # nobody else asks for it


class _Activity(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, zombies: Zombies) -> None:
        super().__init__(next)
        self._zombies = zombies

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        return await self._zombies.execute(self.next, input)
