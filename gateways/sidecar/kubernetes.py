"""The real sidecar, reached by running its own program in its container (sidecar/, docs/decisions/0013): activities.protocols.Sidecars.

What comes back was said in a stranger's pod: it is bounded, checked against the models, and never more than a claim about that pod.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from activities.protocols import (
    Asked,
    ClusterGone,
    DeliveryRefused,
    GatewayError,
    IncompleteDelivery,
    PodRef,
    SidecarGone,
    SidecarNews,
    StaleDelivery,
    Taking,
)
from environments.model import CommitSha
from environments.readiness import SIDECAR
from environments.sidecar import Delivered, Delivery, Outgoing, SidecarState
from gateways.cluster.errors import ClusterForbidden, ClusterUnavailable
from gateways.cluster.execution import Execution, ExecutionFailed, execute
from gateways.cluster.transport import Transport

Said = TypeVar("Said", SidecarState, Delivered, Outgoing)
WISH = re.compile(r"[0-9a-f]{32}")
SHA = re.compile(r"[0-9a-f]{40}")
MAX_ANSWER = 1000
"""Characters; they go into the request's address."""
PROGRAM = "/usr/local/bin/sidecar"
MAX_LINE = 1 << 20
"""Bytes of one message; the longest is a state with its last lines, or a piece of an installation's output."""
CHUNK = 1 << 18
REFUSALS: dict[str, type[GatewayError]] = {"stale": StaleDelivery, "missing": IncompleteDelivery}


@dataclass(frozen=True)
class KubernetesSidecars:
    """Implements Sidecars."""

    transport: Transport
    timeout: timedelta = timedelta(minutes=2)
    """For one state or delivery."""

    async def state(self, pod: PodRef) -> SidecarState:
        async with self._run(pod, "state") as (_, lines):
            return _validated(SidecarState, _content(await anext(lines, b""), pod), pod)

    async def deliver(self, pod: PodRef, delivery: Delivery, pack: Path | None) -> Delivered:
        size = pack.stat().st_size if pack else 0
        header = delivery.model_dump(mode="json") | {"pack_bytes": size}
        async with self._run(pod, "receive") as (program, lines):
            await program.write(json.dumps(header).encode() + b"\n")
            if pack is not None:
                await _send_file(program, pack)
            answer = _content(await anext(lines, b""), pod)
        if answer.get("ok"):
            return _validated(Delivered, answer, pod)
        kind = REFUSALS.get(str(answer.get("error")), DeliveryRefused)
        raise kind(f"The sidecar of {pod.namespace}/{pod.name} refused it: {str(answer.get('message', ''))[:500]}")

    async def take(self, pod: PodRef, what: Taking, target: Path) -> Outgoing:
        async with self._run(pod, "send", *_words(what)) as (program, _):
            line, rest = await _first_line(program, pod)
            answer = _content(line, pod)
            if answer.get("ok") is False:
                raise DeliveryRefused(str(answer.get("message", ""))[:500])
            outgoing = _validated(Outgoing, answer, pod)
            if outgoing.pack_bytes > what.most_bytes:
                raise DeliveryRefused(f"The sidecar of {pod.namespace}/{pod.name} wants to send more than it may.")
            await _receive(rest, target, outgoing.pack_bytes, pod)
        return outgoing

    async def pushes(self, pod: PodRef) -> AsyncIterator[Asked]:
        async with self._run(pod, "pushes", is_endless=True) as (_, lines):
            async for line in lines:
                wish = _content(line, pod).get("push")
                if (
                    isinstance(wish, dict)
                    and WISH.fullmatch(str(wish.get("id")))
                    and SHA.fullmatch(str(wish.get("sha")))
                ):
                    yield Asked(str(wish["id"]), CommitSha(str(wish["sha"])))

    async def answer(self, pod: PodRef, id: str, is_done: bool, message: str) -> None:
        words = (f"--id={id}", f"--message={message[:MAX_ANSWER]}", f"--done={str(is_done).lower()}")
        async with self._run(pod, "answer", *words) as (_, lines):
            await anext(lines, b"")

    async def watch(self, pod: PodRef) -> AsyncIterator[SidecarNews]:
        async with self._run(pod, "watch", is_endless=True) as (_, lines):
            async for line in lines:
                news = _content(line, pod)
                if "state" in news:
                    yield SidecarNews(state=_validated(SidecarState, news["state"], pod))
                elif "install" in news:
                    yield SidecarNews(installed=str(news["install"]))

    @asynccontextmanager
    async def _run(
        self, pod: PodRef, *command: str, is_endless: bool = False
    ) -> AsyncIterator[tuple[Execution, AsyncIterator[bytes]]]:
        what = f"The sidecar of {pod.namespace}/{pod.name}"
        try:
            async with asyncio.timeout(None if is_endless else self.timeout.total_seconds()):
                async with execute(self.transport, pod.namespace, pod.name, SIDECAR, (PROGRAM, *command)) as program:
                    yield program, _lines(program, pod)
        except ClusterForbidden:
            raise
        except (ClusterGone, ClusterUnavailable) as error:
            raise SidecarGone(f"{what} can't be reached: {error}") from error
        except TimeoutError as error:
            raise SidecarGone(f"{what} gave no answer within {self.timeout.total_seconds():.0f} s") from error


async def _send_file(program: Execution, path: Path) -> None:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            await program.write(chunk)


def _words(what: Taking) -> list[str]:
    words = [f"--most={what.most_bytes}"]
    words += [f"--tip={what.tip}"] if what.tip else []
    return words + ([f"--commit={what.message}", f"--author={what.author}"] if what.message else [])


async def _first_line(program: Execution, pod: PodRef) -> tuple[bytes, AsyncIterator[bytes]]:
    """And what comes after it."""
    chunks = _chunks(program, pod)
    began = b""
    async for chunk in chunks:
        began += chunk
        line, end, rest = began.partition(b"\n")
        if end:
            return line, _again(rest, chunks)
        if len(began) > MAX_LINE:
            break
    raise SidecarGone(f"The sidecar of {pod.namespace}/{pod.name} sent no message, or one that is too long.")


async def _again(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for chunk in chunks:
        yield chunk


async def _chunks(program: Execution, pod: PodRef) -> AsyncIterator[bytes]:
    """A program that refuses ends with exit code 1, after it has explained itself."""
    try:
        async for chunk in program.output():
            yield chunk
    except ExecutionFailed as error:
        raise SidecarGone(f"The sidecar of {pod.namespace}/{pod.name} ended: {error}") from error


async def _receive(chunks: AsyncIterator[bytes], target: Path, size: int, pod: PodRef) -> None:
    """So many bytes into the file; not one more is taken."""
    left = size
    with target.open("wb") as file:
        while left:
            chunk = (await anext(chunks, b""))[:left]
            if not chunk:
                raise SidecarGone(f"The sidecar of {pod.namespace}/{pod.name} sent less than it said.")
            await asyncio.to_thread(file.write, chunk)
            left -= len(chunk)


async def _lines(program: Execution, pod: PodRef) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in _chunks(program, pod):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > MAX_LINE:
            raise SidecarGone(f"The sidecar of {pod.namespace}/{pod.name} sent a message that is too long.")


def _content(line: bytes, pod: PodRef) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise SidecarGone(f"The sidecar of {pod.namespace}/{pod.name} said something that is no message.")
    return content


def _validated(kind: type[Said], content: Any, pod: PodRef) -> Said:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise SidecarGone(f"The sidecar of {pod.namespace}/{pod.name} said nonsense in {where}.") from error
