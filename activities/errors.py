"""One place decides what Temporal may retry: a gateway's error becomes an ApplicationError at the activity's edge."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from temporalio.exceptions import ApplicationError

from activities.protocols import GatewayError

Given = ParamSpec("Given")
Result = TypeVar("Result")


class ChangedMeanwhile(GatewayError):
    """Somebody else wrote between our read and our write: the same call works on what is there now."""

    retryable = True


def gateway_errors(method: Callable[Given, Awaitable[Result]]) -> Callable[Given, Awaitable[Result]]:
    """Keeps the sentence, names the type, and passes on what the gateway knows about trying again."""

    @wraps(method)
    async def wrapped(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return await method(*args, **kwargs)
        except GatewayError as error:
            raise ApplicationError(
                str(error),
                type=type(error).__name__,
                non_retryable=not error.retryable,
                next_retry_delay=error.retry_after,
            ) from error

    return wrapped
