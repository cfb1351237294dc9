"""What the gateways of all forges have in common."""

from typing import Any
from urllib.parse import urlsplit

STATUS_CONTEXT = "catalyst/preview"
MOST_PLACES = 10_000
"""Where comments and repositories were last, remembered at most; a place is only a guess, and asked for anew when it is wrong."""


def remember(places: dict[Any, Any], what: object, place: object) -> None:
    if len(places) >= MOST_PLACES:
        places.clear()
    places[what] = place


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port, the port also where the URL leaves it out; of what is no URL, one that is nobody's."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # a URL that people wrote
        return "", None, None
    return parts.scheme, parts.hostname, port


def repository_path(url: str) -> str:
    """Of a clone URL: forges take it in any case, with `.git` and without."""
    return urlsplit(url).path.removesuffix(".git").casefold()
