"""Attempts that Temporal has given up must not write any more: what they were told is out of date (design: rule 2)."""

from datetime import UTC, datetime

from temporalio import activity

from activities.protocols import GatewayError


class TooLate(GatewayError):
    """This attempt slept past its time limit; another one has done its work, or will."""

    retryable = True


def refuse_if_late() -> None:
    """Right before a write that no fence of the API server guards. By the wall clock: a suspended machine's other clock stands
    still. Raises TooLate."""
    info = activity.info()
    if info.start_to_close_timeout and datetime.now(UTC) > info.started_time + info.start_to_close_timeout:
        raise TooLate("This attempt woke up too late and wrote nothing.")
