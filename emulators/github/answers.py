"""What was asked and answered, kept for tests that count calls or check answers."""

from typing import NamedTuple


class Answer(NamedTuple):
    """One call of the API."""

    method: str
    path: str
    """Below the API's root."""
    query: str
    caller: str
    status: int
    headers: dict[str, str]
    body: bytes
