"""How workflows call activities: time limits, retries, and telling what may pass by itself from what doesn't."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

CALL = timedelta(seconds=30)
"""One attempt to talk to forge or cluster."""
GIVE_BACK = timedelta(seconds=60)
"""Retries go on inside the activity for so long; then the workflow gets to say what is wrong, and calls again."""
RETRY = RetryPolicy(maximum_interval=timedelta(seconds=10))
FEW = RetryPolicy(maximum_attempts=3)
"""Where the workflow itself calls again and says meanwhile what is wrong."""
ONCE = RetryPolicy(maximum_attempts=1)
HEARTBEAT = timedelta(seconds=10)
"""A worker that is killed is noticed this late."""


def beside(loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A loop that goes on beside the main one until it is cancelled; one that ends otherwise is said in the worker's log."""
    task = asyncio.create_task(loop)
    task.add_done_callback(_say_unless_cancelled)
    return task


def may_pass(error: ActivityError) -> bool:
    """Whether the same call may work later without anybody changing anything (a system that is down, a lost worker)."""
    return not (isinstance(error.cause, ApplicationError) and error.cause.non_retryable)


def kind_of(error: ActivityError) -> str:
    """The gateway error's name; `Unavailable` for what only timed out."""
    cause = _innermost(error)
    return (cause.type if isinstance(cause, ApplicationError) else None) or "Unavailable"


def sentence(error: FailureError) -> str:
    """The gateway's own words, also behind a time-out that ended its retries."""
    cause = _innermost(error)
    if isinstance(cause, ApplicationError):
        return cause.message
    return f"{error.activity_type if isinstance(error, ActivityError) else 'A call'} got no answer in time."


def _say_unless_cancelled(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None and not is_cancelled_exception(error):
        workflow.logger.error("a loop beside the main one ended: %r", error)


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ is not None and not isinstance(error, ApplicationError):
        error = error.__cause__
    return error


def builds_queue(task_queue: str) -> str:
    """Builds wait for a slot of their own, so that nothing else waits for them."""
    return f"{task_queue}-builds"
