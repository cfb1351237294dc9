"""What a loop that begins anew after failures must not miss."""

import asyncio


def obey_cancellation() -> None:
    """Raise CancelledError when the running task was asked to end.

    For whoever catches what an asyncio.TaskGroup raises and goes on: when a child fails while the group is being cancelled,
    Python 3.11 and 3.12 raise the failure only, and a task that begins anew then never ends.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
