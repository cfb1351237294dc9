"""Keeps the forward proxy as the cluster's Projects say, and the ConfigMap that tells whose port is which."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from async_lru import alru_cache

from activities.egress import PORTS
from activities.guards import NETWORK_SECONDS, cluster_network
from activities.kinds import NAMESPACE, PROJECT
from activities.protocols import Cluster, ClusterConflict, GatewayError, Kind
from environments import labels, names
from environments.egress import (
    PLATFORM,
    Proxy,
    allowed_hosts,
    assign_ports,
    build_token,
    described,
    key_of_project,
    ports_object,
    ports_of,
    project_key,
)
from environments.model import ClusterNetwork, EnvironmentIdentity, KubernetesObject, PlatformAddress
from environments.permissions import home_object
from gateways.cancellation import obey_cancellation
from gateways.proxy.configuration import Outside
from gateways.proxy.configuration import Project as Rules

LOG = logging.getLogger("catalyst.egress")
ENVIRONMENTS = {labels.NAMESPACE_TYPE: "environment", labels.MANAGED_BY: labels.MANAGER}
AGAIN_SECONDS = 2.0
LOOK_SECONDS = 30.0
"""What no watch tells (the cluster's network, a ConfigMap that somebody changed) is looked at this often."""
BETWEEN_SECONDS = 1.0
"""After a look, so that many projects that begin at once don't make it look all the time. A lone one is looked at in the moment
it appears: its first rollout waits for its port."""


class ForwardProxy(Protocol):
    """The proxy's processes (gateways.proxy.squid)."""

    async def apply(self, outside: Outside, projects: Iterable[Rules]) -> None:
        """Returns when it holds. Raises GatewayError, and then what was before holds on."""
        ...


@dataclass(frozen=True)
class State:
    """What held when it was looked at last."""

    ports: Mapping[str, int] = field(default_factory=dict)
    """Project's key -> port."""
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """Environment namespace -> project's key."""

    def key_of(self, port: int) -> str | None:
        return next((key for key, own in self.ports.items() if own == port), None)

    def namespaces_of(self, key: str) -> list[str]:
        return [name for name, own in self.namespaces.items() if own == key]


@dataclass
class Follower:
    cluster: Cluster
    proxy: Proxy
    forward: ForwardProxy
    closed: tuple[str, ...] = ()
    extra_ports: tuple[int, ...] = ()
    upstream: tuple[str, int] | None = None
    state: State = field(default_factory=State)
    _network: Callable[[], Awaitable[ClusterNetwork]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._network = alru_cache(ttl=NETWORK_SECONDS)(partial(cluster_network, self.cluster, PlatformAddress()))

    async def follow(self) -> None:
        """Until cancelled; whatever fails is said and done again."""
        while True:
            try:
                await self._follow()
            except* GatewayError as errors:
                LOG.warning("the egress proxy isn't followed up for a moment: %s", errors.exceptions[0])
            obey_cancellation()
            await asyncio.sleep(AGAIN_SECONDS)

    async def sync(self) -> None:
        """One look: the proxy first, then the word that a port is open. Raises GatewayError."""
        projects, namespaces, stored, closed = await asyncio.gather(
            self.cluster.list(PROJECT),
            self.cluster.list(NAMESPACE, None, ENVIRONMENTS),
            self.cluster.get(PORTS),
            self._closed(),
        )
        declared = {key_of_project(each): each for each in projects}
        in_use = {name: key for each in namespaces for name, key in _namespace(each)}
        before = ports_of(stored, self.proxy)
        ports = assign_ports(before, declared, in_use.values(), self.proxy)
        for key in sorted(declared.keys() - ports):
            LOG.error("all ports of the proxy are taken, %s has none: raise CATALYST_PROXY__PORTS", described(key))
        rules = [self._rules(key, port, declared.get(key)) for key, port in ports.items()]
        # A port that is taken from a project is free for another only when nobody is told of it any more.
        if stored is not None and before.keys() - ports:
            stored = await self._write(stored, {key: before[key] for key in before.keys() & ports})
        await self.forward.apply(self._outside(closed), rules)
        await self._write(stored, ports)
        self.state = State(ports, in_use)

    async def _follow(self) -> None:
        changed = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for kind, marks in ((PROJECT, None), (NAMESPACE, ENVIRONMENTS)):
                group.create_task(self._watch(kind, marks, changed))
            while True:
                changed.clear()
                await self.sync()
                await asyncio.sleep(BETWEEN_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await changed.wait()

    async def _watch(self, kind: Kind, marks: Mapping[str, str] | None, changed: asyncio.Event) -> None:
        async for _ in self.cluster.watch(kind, None, marks):
            changed.set()

    async def _closed(self) -> tuple[str, ...]:
        """The cluster's own ranges, as a preview's network policy closes them."""
        network = await self._network()
        return (*self.closed, *network.pod_ranges, *network.service_ranges, *network.node_addresses)

    def _rules(self, key: str, port: int, project: KubernetesObject | None) -> Rules:
        """A Project that is gone allows nothing to what is left of it."""
        hosts = allowed_hosts(project, self.proxy.defaults) if project is not None else ()
        return Rules(port, hosts, build_token(self.proxy, key))

    def _outside(self, closed: tuple[str, ...]) -> Outside:
        proxy = self.proxy
        platform = Rules(proxy.first_port, allowed_hosts(None, proxy.defaults), build_token(proxy, PLATFORM))
        return Outside(proxy.address, proxy.first_port, platform, closed, self.extra_ports, self.upstream)

    async def _write(self, stored: KubernetesObject | None, ports: Mapping[str, int]) -> KubernetesObject:
        """Only over what was read: another process may have given the same port away. Raises ClusterConflict."""
        wanted = ports_object(ports)
        if stored is None:
            await self._ensure_home()
            return await self.cluster.create(wanted)
        before = stored.get("data") or {}
        if before == wanted["data"]:
            return stored
        data = dict.fromkeys(before) | wanted["data"]
        metadata = {"resourceVersion": stored["metadata"]["resourceVersion"]}
        return await self.cluster.patch(PORTS, {"metadata": metadata, "data": data})

    async def _ensure_home(self) -> None:
        try:
            await self.cluster.create(home_object())
        except ClusterConflict:
            return


def _namespace(namespace: KubernetesObject) -> list[tuple[str, str]]:
    """Name, and key of its project; nothing for one whose labels somebody took away."""
    own = namespace["metadata"].get("labels") or {}
    try:
        identity = EnvironmentIdentity(
            team=own[labels.TEAM], project=own[labels.PROJECT], environment=own[labels.ENVIRONMENT]
        )
        return [(namespace["metadata"]["name"], project_key(identity))]
    except (KeyError, names.InvalidName):
        return []
