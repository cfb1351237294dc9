"""Programs run in a pod's container through the API server: one WebSocket with a byte of channel before each message.

Protocol: v5.channel.k8s.io, or v4 from older servers; in both, channel 3 says in the end how the program ended.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from activities.protocols import GatewayError
from gateways.cluster.errors import MAX_MESSAGE, error_from, unavailable
from gateways.cluster.transport import Transport

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, STATUS = range(4)
CHUNK = 32 * 1024


class ExecutionFailed(GatewayError):
    """The program didn't start, or ended otherwise than with exit code 0."""

    retryable = False


@dataclass
class Execution:
    """A running program. Iterate `output`, which raises ExecutionFailed in the end unless it ended well."""

    _socket: aiohttp.ClientWebSocketResponse
    _what: str
    _complaint: bytes = b""

    async def write(self, data: bytes) -> None:
        """To its standard input, which has no end: the program must know by itself how much to read."""
        for start in range(0, len(data), CHUNK):
            await self._socket.send_bytes(bytes([STDIN]) + data[start : start + CHUNK])

    async def output(self) -> AsyncIterator[bytes]:
        """Chunks of its standard output until it ends. Raises ExecutionFailed, and GatewayError when the connection breaks."""
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel == STDOUT and data:
                yield data
            elif channel == STDERR:
                self._complaint = (self._complaint + data)[-MAX_MESSAGE:]
            elif channel == STATUS:
                self._check(data)
                return
        raise unavailable(self._what, ConnectionError("the connection ended before the program did"))

    def _check(self, data: bytes) -> None:
        status: dict[str, Any] = json.loads(data)
        if status.get("status") == "Success":
            return
        said = self._complaint.decode(errors="replace").strip() or str(status.get("message", ""))[:MAX_MESSAGE]
        raise ExecutionFailed(f"{self._what}: {' '.join(said.split())}")


@asynccontextmanager
async def execute(
    transport: Transport, namespace: str, pod: str, container: str, command: Sequence[str]
) -> AsyncIterator[Execution]:
    """For as long as the context lasts. Raises ClusterGone for a pod that isn't there, ClusterForbidden, ClusterUnavailable."""
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
    query = [("container", container), ("stdin", "true"), ("stdout", "true"), ("stderr", "true")]
    query += [("command", part) for part in command]
    what = f"exec in pod {namespace}/{pod}"
    try:
        async with transport.websocket(path, query, PROTOCOLS) as socket:
            yield Execution(socket, what)
    except aiohttp.WSServerHandshakeError as error:
        raise error_from(error.status, str(error.message).encode(), what) from error
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise unavailable(what, error) from error
