"""A worker ends with its block, whatever its shutdown does."""

import asyncio
import time
from datetime import timedelta
from types import TracebackType
from typing import Self

import pytest

from tests.patience import PATIENCE_SECONDS
from worker.running import running

SHORT, LONG = timedelta(seconds=0.05), timedelta(seconds=PATIENCE_SECONDS)


class FakeWorker:
    """As temporalio's, with a shutdown that fails or never ends."""

    def __init__(self, fails: Exception | None = None, hangs: bool = False) -> None:
        self._fails, self._hangs = fails, hangs
        self.is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._hangs:
            await asyncio.Event().wait()
        if self._fails is not None:
            raise self._fails
        self.is_closed = True


async def test_its_shutdown_is_waited_for() -> None:
    worker = FakeWorker()
    async with running(worker, LONG):
        assert not worker.is_closed
    assert worker.is_closed


async def test_a_shutdown_without_end_is_left_behind_and_said(caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    async with running(FakeWorker(hangs=True), SHORT):
        pass
    assert time.monotonic() - began < PATIENCE_SECONDS
    assert "left behind" in caplog.text


async def test_what_it_died_of_comes_out() -> None:
    with pytest.raises(RuntimeError, match="the task queue is gone"):
        async with running(FakeWorker(fails=RuntimeError("the task queue is gone")), LONG):
            pass
