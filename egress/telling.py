"""Refused requests, in the log of the environment that they came from."""

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from activities.kinds import POD, namespace_ref
from activities.protocols import Cluster, GatewayError
from egress.follower import State
from environments import labels
from environments.egress import refusal
from environments.model import KubernetesObject
from gateways.proxy.refusals import Refusal

LOG = logging.getLogger("catalyst.egress")
NAME = "egress"
"""Of the log."""
PAUSE_SECONDS = 60.0
"""A host is named once in so long: whoever doesn't get an answer asks again and again."""
MOST_HOSTS = 30
"""Of one environment within that time; then one line says that there are more."""
REMEMBER_SECONDS = 10.0
"""Whose address it is; short, because addresses are given away again."""
MORE = "More hosts were refused; they are left out here for a minute."


class Log(Protocol):
    def append(self, log_id: str, data: bytes) -> None: ...


@dataclass
class Pauses:
    """What was told of each environment within the last minute."""

    clock: Callable[[], float] = time.monotonic
    _told: dict[str, dict[str, float]] = field(default_factory=dict)

    def may_tell(self, namespace: str, host: str) -> bool | None:
        """None: not the host, but that there are more of them."""
        now = self.clock()
        self._told = {
            name: recent
            for name, hosts in self._told.items()
            if (recent := {each: at for each, at in hosts.items() if now - at < PAUSE_SECONDS})
        }
        told = self._told.setdefault(namespace, {})
        if host in told or len(told) > MOST_HOSTS:
            return False
        told[host] = now
        return True if len(told) <= MOST_HOSTS else None


@dataclass
class Telling:
    cluster: Cluster
    logs: Log
    state: Callable[[], State]
    pauses: Pauses = field(default_factory=Pauses)
    _owners: dict[str, tuple[float, str | None]] = field(default_factory=dict)

    async def tell_all(self, refusals: AsyncIterable[Refusal]) -> None:
        """Until cancelled."""
        async for each in refusals:
            try:
                await self.tell(each)
            except (GatewayError, OSError, ValueError) as error:
                LOG.warning("a refusal of %r couldn't be told: %s", each.refused.host[:100], error)

    async def tell(self, each: Refusal) -> None:
        """Raises GatewayError, OSError."""
        key = self.state().key_of(each.builder.port if each.builder else each.port)
        namespace = await self._namespace(each, key) if key is not None else None
        if key is None or namespace is None:
            LOG.debug("%r was refused to %s, which no environment has", each.refused.host[:100], each.source)
            return
        may_tell = self.pauses.may_tell(namespace, f"{each.refused.host}:{each.refused.port}")
        if may_tell is False:
            return
        text = refusal(each.refused, key) if may_tell else MORE
        rollout = _rollout(await self.cluster.get(namespace_ref(namespace)))
        if rollout is not None:
            line = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}\n"
            await asyncio.to_thread(self.logs.append, f"{namespace}/{rollout}/{NAME}", line.encode())

    async def _namespace(self, each: Refusal, key: str) -> str | None:
        """A build says it itself, and only what is its project's is believed; else by whose pod has the address."""
        mine = self.state().namespaces_of(key)
        if each.builder is not None:
            return each.builder.namespace if each.builder.namespace in mine else None
        now = time.monotonic()
        self._owners = {address: found for address, found in self._owners.items() if now - found[0] < REMEMBER_SECONDS}
        if each.source not in self._owners:
            self._owners[each.source] = now, await self._owner(each.source, mine)
        return self._owners[each.source][1]

    async def _owner(self, address: str, namespaces: list[str]) -> str | None:
        for namespace in namespaces:
            if any(_has(pod, address) for pod in await self.cluster.list(POD, namespace)):
                return namespace
        return None


def _has(pod: KubernetesObject, address: str) -> bool:
    status = pod.get("status") or {}
    return address in {status.get("podIP"), *(each.get("ip") for each in status.get("podIPs") or ())}


def _rollout(namespace: KubernetesObject | None) -> str | None:
    """The newest; None while it is being torn down."""
    annotations = ((namespace or {}).get("metadata") or {}).get("annotations") or {}
    fence: str = annotations.get(labels.FENCE, "")
    return fence if fence.isdigit() else None
