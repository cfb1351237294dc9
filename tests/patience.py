"""How long tests wait for what happens by itself."""

import asyncio
import io
from collections.abc import Coroutine
from typing import Any

import pytest

PATIENCE_SECONDS = 120
"""Until it counts as not happening. Long, because machines are shared: that something is quick is `make bench`'s to say."""


async def ends(work: Coroutine[Any, Any, None], what: str) -> None:
    """Wait for it; when it doesn't end, fail with the line at which every task of this loop stands."""
    task = asyncio.create_task(work)
    if not (await asyncio.wait({task}, timeout=PATIENCE_SECONDS))[0]:
        pytest.fail(f"{what} doesn't end:\n{_stacks()}")
    await task


def _stacks() -> str:
    text = io.StringIO()
    for task in asyncio.all_tasks():
        task.print_stack(file=text)
    return text.getvalue()
