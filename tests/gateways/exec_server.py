"""A kubelet's exec without Kubernetes: the sidecar's program runs on this machine, spoken to as through the API server."""

import asyncio
import json
from collections.abc import Mapping

from aiohttp import WSMsgType, web

from gateways.cluster.execution import PROTOCOLS, STATUS, STDERR, STDIN, STDOUT

CHUNK = 32 * 1024


class ExecServer:
    """Knows one pod. `program` is run for whatever path the command names, in `environment`."""

    def __init__(self, namespace: str, pod: str, program: str, environment: Mapping[str, str]) -> None:
        self._path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
        self._program, self._environment = program, environment
        self.before: tuple[str, ...] = ()
        """What starts the program, such as nsenter."""

    async def start(self) -> str:
        """Its address."""
        application = web.Application()
        application.router.add_get(self._path, self._execute)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        [address] = self._runner.addresses
        return f"http://127.0.0.1:{address[1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _execute(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=PROTOCOLS)
        await socket.prepare(request)
        pipe = asyncio.subprocess.PIPE
        _, *words = request.query.getall("command")
        process = await asyncio.create_subprocess_exec(
            *self.before, self._program, *words, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(self._environment)
        )
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        inwards = asyncio.create_task(_inwards(socket, process.stdin))
        outwards = asyncio.create_task(_all_outwards(socket, process.stdout, process.stderr))
        try:
            await asyncio.wait({inwards, outwards}, return_when=asyncio.FIRST_COMPLETED)
            if not inwards.done():
                code = await process.wait()
                status = {"status": "Success"} if code == 0 else {"status": "Failure", "message": f"exit code {code}"}
                await socket.send_bytes(bytes([STATUS]) + json.dumps(status).encode())
        finally:
            inwards.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
            await asyncio.wait({outwards})
        return socket


async def _inwards(socket: web.WebSocketResponse, target: asyncio.StreamWriter) -> None:
    """Until the connection ends; standard input has no end of its own."""
    async for message in socket:
        if message.type is WSMsgType.BINARY and message.data[0] == STDIN:
            target.write(message.data[1:])
            await target.drain()


async def _all_outwards(
    socket: web.WebSocketResponse, output: asyncio.StreamReader, complaint: asyncio.StreamReader
) -> None:
    await asyncio.gather(_outwards(socket, STDOUT, output), _outwards(socket, STDERR, complaint))


async def _outwards(socket: web.WebSocketResponse, channel: int, source: asyncio.StreamReader) -> None:
    while chunk := await source.read(CHUNK):
        if not socket.closed:
            await socket.send_bytes(bytes([channel]) + chunk)
