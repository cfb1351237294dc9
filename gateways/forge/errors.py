"""What a forge's answers become. "No such pull request" is an answer where the Protocol has one for it, an error elsewhere."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from activities.protocols import ForgeRefused, GatewayError

MAX_WAIT = timedelta(hours=1)
"""A forge that asks for more is asked again then: nothing should hang for a day on one header."""
MAX_CAUSE = 300
"""Characters of the forge's own words."""


class ForgeUnavailable(GatewayError):
    """It didn't answer, or with a redirection, 429 or 5xx, or with something that isn't its API."""

    retryable = True


class ForgeGone(ForgeRefused):
    """The repository, pull request or commit to write about doesn't exist (any more)."""


def error_from(answer: httpx.Response, what: str) -> GatewayError:
    """The error for an answer that is no success; `what`: the request, as `GET /path`."""
    text = f"The forge answered {answer.status_code} to {what}: {_cause(answer)}"
    if answer.status_code in (404, 410):
        if not _is_from_the_forge(answer):
            # A proxy's page while the forge is down: taken for its word, every preview would be removed.
            return ForgeUnavailable(
                f"{text}. That is no answer of the forge's API: check its URL and what stands before it."
            )
        return ForgeGone(f"{text}. It was deleted, or our account may not see it.")
    if answer.status_code in (401, 403):
        return ForgeRefused(f"{text}. Check the account of the forge's token and its scopes.")
    if answer.status_code == 429 or answer.is_server_error or answer.is_redirect:
        return ForgeUnavailable(text, retry_after=retry_after(answer, datetime.now(UTC)))
    return ForgeRefused(text)


def retry_after(answer: httpx.Response, now: datetime) -> timedelta | None:
    """What `Retry-After` asks for, as seconds or as a date; None without it or when it can't be read."""
    said = answer.headers.get("Retry-After", "").strip()
    try:
        wait = timedelta(seconds=int(said)) if said.isdecimal() else parsedate_to_datetime(said) - now
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without its zone
        return None
    return min(max(wait, timedelta(0)), MAX_WAIT)


def _is_from_the_forge(answer: httpx.Response) -> bool:
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False


def _cause(answer: httpx.Response) -> str:
    try:
        said = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        said = answer.reason_phrase
    return str(said).strip().rstrip(".")[:MAX_CAUSE] or "without a reason"
