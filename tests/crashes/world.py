"""The world of tests.workflows.world with its worker in a process of its own, which is started again whenever it is killed."""

import asyncio
import contextlib
import multiprocessing
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from temporalio.client import Client

from activities.protocols import BuildRequest, GatewayError
from environments import fencing
from environments.model import KubernetesObject
from gateways.builder.fake import InMemoryBuilder
from tests.crashes.fate import Fate
from tests.crashes.process import Place, run
from tests.crashes.rpc import serving
from tests.workflows.world import World

PROCESSES = multiprocessing.get_context("forkserver")
"""Forked from one that has imported everything: a worker starts in milliseconds, and without this process's threads."""
PROCESSES.set_forkserver_preload(["tests.crashes.process", "tests.crashes.api_process"])


class MortalWorld(World):
    patience_seconds = 300
    look_seconds = 0.3
    """Many of them at once, on a machine that is busy with others."""

    def __init__(self, client: Client, folder: Path) -> None:
        super().__init__(client, folder)
        self.fate = Fate()
        self.made: list[tuple[str, str]] = []
        """Kind and name of every Environment and environment namespace that was created, in order."""
        self.cluster.admission = self._admit
        self._place = Place(
            socket=folder / "world",
            logs=folder / "logs",
            temporal=client.service_client.config.target_host,
            task_queue=self.task_queue,
        )

    async def start_worker(self, client: Client | None = None) -> None:
        """In a process of its own, with connections of its own."""
        self._stack = AsyncExitStack()
        objects = {
            name: getattr(self, name)
            for name in ("cluster", "forge", "source", "sidecars", "branches", "registry", "probe", "fate")
        }
        objects |= {"index": self.index, "audit": self.audit, "building": Building(self.builder)}
        await self._stack.enter_async_context(serving(self._place.socket, objects))
        await self._stack.enter_async_context(kept_alive(run, self._place))

    def _admit(
        self, stored: KubernetesObject | None, new: KubernetesObject, home: KubernetesObject | None
    ) -> str | None:
        """As the API server does, by our own policies."""
        refusal = fencing.admission(stored, new, home)
        if stored is None and refusal is None and new["kind"] in ("Environment", "Namespace", "Deployment"):
            self.made.append((new["kind"], new["metadata"]["name"]))
        return refusal


@asynccontextmanager
async def kept_alive(target: object, *args: object) -> AsyncIterator[None]:
    """The function in a process of its own, and in another one whenever that is killed; whatever else ends it fails here."""
    keeping = asyncio.create_task(_keep_alive(target, args))
    try:
        yield
    finally:
        if keeping.done():
            keeping.result()
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


async def _keep_alive(target: object, args: tuple[object, ...]) -> None:
    while True:
        process = PROCESSES.Process(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        process.start()
        try:
            await _ended(process.sentinel)
            process.join()
            assert process.exitcode == -signal.SIGKILL, f"the process ended by itself, with {process.exitcode}"
        finally:
            process.kill()
            process.join()


async def _ended(sentinel: int) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(sentinel)


class Output:
    """Implements LogWriter."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data


class Building:
    """A builder whose output comes with its answer."""

    def __init__(self, builder: InMemoryBuilder) -> None:
        self._builder = builder

    async def build(self, request: BuildRequest) -> tuple[str | GatewayError, bytes]:
        output = Output()
        try:
            answer: str | GatewayError = await self._builder.build(request, output)
        except GatewayError as error:
            answer = error
        return answer, bytes(output.data)
