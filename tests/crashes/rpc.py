"""Calls from a process that gets killed into the test that outlives it: pickles over a Unix socket, one connection a call."""

import asyncio
import pickle
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

STREAMS = frozenset({"watch", "pod_log", "pushes"})
"""Methods that answer with an asynchronous iterator."""


@asynccontextmanager
async def serving(path: Path, objects: Mapping[str, Any]) -> AsyncIterator[None]:
    """Their methods, for `Remote(path, name)`. A caller that goes away has its call cancelled, as a closed connection does."""
    running: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_serve(reader, writer, objects))
        running.add(task)
        # Also of one that is cancelled before its first line.
        task.add_done_callback(lambda _: writer.close())
        task.add_done_callback(running.discard)

    server = await asyncio.start_unix_server(accept, path)
    try:
        yield
    finally:
        # Who is accepted while the server closes is lost by asyncio and warned of later: the callers are dead by now, so
        # a few rounds of the loop take in all that still wait.
        for _ in range(10):
            await asyncio.sleep(0)
        server.close()
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(set(running))
        await asyncio.sleep(0)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, objects: Mapping[str, Any]) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        name, method, args, options = await _receive(reader)
        await _until_gone(reader, _answer(writer, getattr(objects[name], method), args, options))


class Remote:
    """The object of that name on the other side: every method, with the same answers and exceptions."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)
        ask = self._stream if method in STREAMS else self._call
        return lambda *args, **options: ask(method, args, options)

    async def _call(self, method: str, args: Any, options: Any) -> Any:
        async for answer in self._stream(method, args, options):
            return answer
        raise ConnectionError(f"{self._name}.{method} was not answered")

    async def _stream(self, method: str, args: Any, options: Any) -> AsyncIterator[Any]:
        reader, writer = await asyncio.open_unix_connection(self._path)
        try:
            await _send(writer, (self._name, method, args, options))
            while (answer := await _receive(reader)) is not None:
                is_error, value = answer
                if is_error:
                    raise value
                yield value
        finally:
            writer.close()


async def _answer(writer: asyncio.StreamWriter, method: Any, args: Any, options: Any) -> None:
    try:
        found = method(*args, **options)
        if isinstance(found, AsyncIterator):
            async for each in found:
                await _send(writer, (False, each))
        else:
            await _send(writer, (False, await found))
    except Exception as error:  # noqa: BLE001
        # The caller's to judge.
        await _send(writer, (True, error))
    await _send(writer, None)


async def _until_gone(reader: asyncio.StreamReader, work: Any) -> None:
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(reader.read())
    try:
        await asyncio.wait([working, gone], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in (working, gone):
            each.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _send(writer: asyncio.StreamWriter, value: Any) -> None:
    data = pickle.dumps(value)
    writer.write(len(data).to_bytes(4, "big") + data)
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> Any:
    size = int.from_bytes(await reader.readexactly(4), "big")
    return pickle.loads(await reader.readexactly(size))
