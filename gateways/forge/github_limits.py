"""GitHub's rate limits: what its answers say about them, and whose work waits.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from github.Requester import Requester

from gateways.forge.errors import MAX_WAIT, Answer, ForgeUnavailable, retry_after

UNNAMED_WAIT = timedelta(minutes=1)
"""After a limit that doesn't say how long: the least that GitHub asks for then."""
MARGIN = timedelta(seconds=1)
"""The hour's end is told in whole seconds."""


class Limits:
    """Until when each account may not be asked. Accounts don't wait for each other: GitHub counts for each of them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds from anywhere on."""
        self._clock = clock
        self._until: dict[str, float] = {}

    def check(self, account: str) -> None:
        """Raises ForgeUnavailable with what remains, while the account's limit is known to be used up."""
        left = self._until.get(account, 0.0) - self._clock()
        if left > 0:
            wait = timedelta(seconds=left)
            raise ForgeUnavailable(f"{_sentence(account, wait)}; nothing was sent.", retry_after=wait)
        self._until.pop(account, None)

    def learn(self, account: str, answer: Answer, what: str) -> None:
        """Raises ForgeUnavailable when the answer is a limit rather than an answer. `what`: the request, as `GET /path`."""
        wait = wait_of(answer, datetime.now(UTC))
        if wait is None:
            return
        self._until[account] = max(self._until.get(account, 0.0), self._clock() + wait.total_seconds())
        if answer.status >= 400:
            text = f"GitHub answered {answer.status} to {what}: {_sentence(account, wait)}."
            raise ForgeUnavailable(text, retry_after=wait)


def wait_of(answer: Answer, now: datetime) -> timedelta | None:
    """How long the account that got this answer must not ask again; None: no limit is met."""
    is_refused = answer.status in (403, 429)
    named = retry_after(answer.headers, now) if is_refused else None
    if named is not None:
        return named
    if answer.headers.get("X-RateLimit-Remaining") == "0" and (is_refused or answer.status < 400):
        return _until_reset(answer, now)
    return UNNAMED_WAIT if is_refused and _is_limit(answer) else None


def said_at(answer: Answer, now: datetime) -> datetime:
    """GitHub's own time, so that a clock of ours that is wrong shortens no wait and no token; `now` where it isn't told."""
    try:
        told = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (ValueError, TypeError):
        return now
    return told if told.tzinfo else now


def _until_reset(answer: Answer, now: datetime) -> timedelta:
    try:
        reset = datetime.fromtimestamp(float(answer.headers.get("X-RateLimit-Reset", "")), UTC)
    except (ValueError, OverflowError, OSError):
        return UNNAMED_WAIT
    return min(max(reset - said_at(answer, now), timedelta(0)) + MARGIN, MAX_WAIT)


def _is_limit(answer: Answer) -> bool:
    try:
        said = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.status == 429
    return answer.status == 429 or Requester.isRateLimitError(said)


def _sentence(account: str, wait: timedelta) -> str:
    seconds = round(wait.total_seconds())
    return f"the rate limit of {account} is used up, and its work waits for {seconds} s"
