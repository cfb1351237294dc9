"""A Temporal worker for as long as a block runs, and not for ever after."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

LOG = logging.getLogger("catalyst.worker")


@asynccontextmanager
async def running(worker: AbstractAsyncContextManager[Any], patience: timedelta) -> AsyncIterator[None]:
    """Raises what the worker dies of. `patience`: with its shutdown, the activities' grace included.

    The SDK's core (temporalio 1.35) now and then never finishes the shutdown of a worker that has workflows cached, though it
    has taken its last task and sent its last answer by then: such a worker is left behind.
    """
    await worker.__aenter__()
    try:
        yield
    finally:
        closing = asyncio.create_task(_close(worker))
        if (await asyncio.wait({closing}, timeout=patience.total_seconds()))[0]:
            await closing
        else:
            LOG.warning("a worker's shutdown took longer than %s: it is left behind", patience)
            closing.cancel()


async def _close(worker: AbstractAsyncContextManager[Any]) -> None:
    await worker.__aexit__(None, None, None)
