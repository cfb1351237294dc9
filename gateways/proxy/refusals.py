"""What squid refused, as it tells it: lines over a connection on loopback."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote

from environments.egress import Builder, Refused, parse_build_user

LONGEST = 256 * 1024
"""Bytes of one line; squid takes a request of 64 KB, whose host may become three times as long."""
WAITING = 1000
"""Refusals that nobody has read yet; more are lost, because a flood of them says nothing new."""
LINE = re.compile(r"(\S+) (\d+) (\d+|-) (\S+) (\S+) (\S*)", re.ASCII)


@dataclass(frozen=True)
class Refusal:
    """One request that was let not pass, and by whom it came."""

    source: str
    """Address of the pod, or of the build's step."""
    port: int
    """To which it came: the project's, or builds'."""
    builder: Builder | None
    """Of a build."""
    refused: Refused


class Refusals:
    """Iterate over it for what is refused from now on. Made by `open_refusals`."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Refusal] = asyncio.Queue(WAITING)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, limit=LONGEST)

    @property
    def port(self) -> int:
        """TCP, on loopback."""
        assert self._server is not None, "it is made by open_refusals"
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def __aiter__(self) -> AsyncIterator[Refusal]:
        while True:
            yield await self._queue.get()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Everything that one squid tells, until it ends."""
        with closing(writer), suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                refusal = parse_refusal(line.decode(errors="replace"))
                if refusal is not None and not self._queue.full():
                    self._queue.put_nowait(refusal)


async def open_refusals() -> Refusals:
    refusals = Refusals()
    await refusals.open()
    return refusals


def parse_refusal(line: str) -> Refusal | None:
    """One line in the log format of configuration.py; None for anything else."""
    match = LINE.fullmatch(line.strip())
    if match is None or not _is_address(match[1]):
        return None
    source, came_to, port, approved, user, host = match.groups()
    refused = Refused(unquote(host), int(port) if port.isdigit() else 0, approved == "yes")
    return Refusal(source, int(came_to), parse_build_user(unquote(user)), refused)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
