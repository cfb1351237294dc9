"""What a forge's answers become. "No such pull request" is an answer where the Protocol has one for it, an error elsewhere."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from activities.protocols import ForgeRefused, GatewayError

MAX_WAIT = timedelta(hours=1)
"""A forge that asks for more is asked again then: nothing should hang for a day on one header."""
MAX_CAUSE = 300
"""Characters of the forge's own words."""


class ForgeUnavailable(GatewayError):
    """It didn't answer, or with a redirection, 429 or 5xx, or with something that isn't its API; or a rate limit is used up."""

    retryable = True


class ForgeGone(ForgeRefused):
    """The repository, pull request or commit to write about doesn't exist (any more)."""


class ForgeSignedOut(ForgeRefused):
    """401: the token isn't known (any more)."""


class Answer(NamedTuple):
    """Of a forge, whichever client brought it."""

    status: int
    headers: Mapping[str, str]
    """By name in any case."""
    text: str

    def json(self) -> Any:
        """Raises ValueError."""
        return json.loads(self.text)


class Advice(NamedTuple):
    """What to do, by what the forge said."""

    gone: str = "It was deleted, or our account may not see it."
    refused: str = "Check the account of the forge's token and its scopes."


BY_TOKEN = Advice()


def error_from(answer: Answer, what: str, advice: Advice = BY_TOKEN) -> GatewayError:
    """The error for an answer that is no success; `what`: the request, as `GET /path`."""
    text = f"The forge answered {answer.status} to {what}: {_cause(answer)}"
    if answer.status in (404, 410):
        if not _is_from_the_forge(answer):
            # A proxy's page while the forge is down: taken for its word, every preview would be removed.
            return ForgeUnavailable(
                f"{text}. That is no answer of the forge's API: check its URL and what stands before it."
            )
        return ForgeGone(f"{text}. {advice.gone}")
    if answer.status in (401, 403):
        refused = ForgeSignedOut if answer.status == 401 else ForgeRefused
        return refused(f"{text}. {advice.refused}")
    if answer.status < 400 or answer.status == 429 or answer.status >= 500:
        return ForgeUnavailable(text, retry_after=retry_after(answer.headers, datetime.now(UTC)))
    return ForgeRefused(text)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """What `Retry-After` asks for, as seconds or as a date; None without it or when it can't be read."""
    said = headers.get("Retry-After", "").strip()
    try:
        wait = timedelta(seconds=int(said)) if said.isdecimal() else parsedate_to_datetime(said) - now
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without its zone
        return None
    return min(max(wait, timedelta(0)), MAX_WAIT)


def _is_from_the_forge(answer: Answer) -> bool:
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False


def _cause(answer: Answer) -> str:
    try:
        said = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        said = _phrase(answer.status)
    return str(said).strip().rstrip(".")[:MAX_CAUSE] or "without a reason"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
