"""What every outside system may say: no."""

from datetime import timedelta


class GatewayError(Exception):
    """Something outside said no or didn't answer. The message is one sentence: what, where, what to do; no secrets, bounded."""

    retryable = True
    """Whether the same call may work later without anybody changing anything."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message[:2000])
        self.retry_after = retry_after
