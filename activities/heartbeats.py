"""Heartbeats around work that can be cancelled: through them a cancellation reaches the activity, and a dead worker is noticed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

EVERY_SECONDS = 1.0
"""A superseded build or wait ends about this long after its cancellation."""


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Only around code that is itself cancellable: it would hide a hang otherwise."""
    beating = asyncio.create_task(_beat())
    try:
        yield
    finally:
        beating.cancel()


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(EVERY_SECONDS)
