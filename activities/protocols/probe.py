"""The way in from outside."""

from typing import NamedTuple, Protocol


class Answer(NamedTuple):
    status: int
    body: str
    """First 2,000 characters."""


class Probe(Protocol):
    async def get(self, host: str, path: str = "/") -> Answer | None:
        """What the environment answers through the ingress; None when the ingress can't be reached or doesn't know the host."""
        ...
