"""The real sidecar, reached by running its own program in its container (sidecar/, docs/decisions/0013): activities.protocols.Sidecars.

What comes back was said in a stranger's pod: it is bounded, checked against the models, and never more than a claim about that pod.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from activities.protocols import (
    ClusterGone,
    DeliveryRefused,
    GatewayError,
    IncompleteDelivery,
    PodRef,
    SidecarGone,
    SidecarNews,
    StaleDelivery,
)
from environments.readiness import SIDECAR
from environments.sidecar import Delivered, Delivery, SidecarState
from gateways.cluster.errors import ClusterForbidden, ClusterUnavailable
from gateways.cluster.execution import Execution, ExecutionFailed, execute
from gateways.cluster.transport import Transport

Said = TypeVar("Said", SidecarState, Delivered)
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
        self, pod: PodRef, command: str, *, is_endless: bool = False
    ) -> AsyncIterator[tuple[Execution, AsyncIterator[bytes]]]:
        what = f"The sidecar of {pod.namespace}/{pod.name}"
        try:
            async with asyncio.timeout(None if is_endless else self.timeout.total_seconds()):
                async with execute(self.transport, pod.namespace, pod.name, SIDECAR, (PROGRAM, command)) as program:
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


async def _lines(program: Execution, pod: PodRef) -> AsyncIterator[bytes]:
    """A refused delivery ends with exit code 1 after it was explained in a line, which the caller has read by then."""
    rest = b""
    try:
        async for chunk in program.output():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line
            if len(rest) > MAX_LINE:
                raise SidecarGone(f"The sidecar of {pod.namespace}/{pod.name} sent a message that is too long.")
    except ExecutionFailed as error:
        raise SidecarGone(f"The sidecar of {pod.namespace}/{pod.name} ended: {error}") from error


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
