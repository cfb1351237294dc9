"""Which kinds the API server serves and under which paths, by aggregated discovery: two calls, cached, read again on a miss."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from activities.protocols import ClusterGone, ClusterRefused, Kind
from gateways.cluster.errors import ClusterUnavailable
from gateways.cluster.transport import Transport

ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
FRESH_SECONDS = 30.0
"""How old an answer may be when it decides what `list_all` looks through: a kind that a person installed since is found then."""
MISS_SECONDS = 2.0
"""A kind that isn't there is asked for again at most this often."""

PASSING = frozenset({"events", "leases", "endpoints", "endpointslices"})
"""What the control plane writes for its own bookkeeping; it goes by itself and would only slow listing down."""
PASSING_GROUPS = frozenset({"metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"})


@dataclass(frozen=True)
class Resource:
    """One kind as the server serves it."""

    kind: Kind
    plural: str
    is_namespaced: bool
    verbs: frozenset[str]
    is_stale: bool
    """The aggregated server behind it doesn't answer."""

    @property
    def group(self) -> str:
        group, slash, _ = self.kind.api_version.partition("/")
        return group if slash else ""

    @property
    def is_content(self) -> bool:
        """Whether `list_all` looks here. A stale group is left out: somebody's broken API server must not stop our work."""
        is_passing = self.plural in PASSING or self.group in PASSING_GROUPS
        return self.is_namespaced and {"list", "delete"} <= self.verbs and not is_passing and not self.is_stale

    def path(self, namespace: str | None, name: str | None = None) -> str:
        root = "/apis/" if "/" in self.kind.api_version else "/api/"
        within = f"/namespaces/{quote(namespace, safe='')}" if self.is_namespaced and namespace else ""
        return f"{root}{self.kind.api_version}{within}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")

    def path_of(self, namespace: str | None, name: str | None) -> str:
        """Path for a write or a read of one object. Raises ClusterRefused without a namespace where one is needed."""
        if self.is_namespaced and not namespace:
            raise ClusterRefused(f"{self.kind.kind} {name}: the object names no namespace")
        return self.path(namespace, name)


@dataclass
class Discovery:
    transport: Transport
    _resources: dict[Kind, Resource] = field(default_factory=dict)
    _read_at: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def resource(self, kind: Kind) -> Resource:
        """Raises ClusterGone for a kind that the server doesn't have."""
        if kind not in self._resources:
            await self._refresh(MISS_SECONDS)
        if kind not in self._resources:
            raise ClusterGone(
                f"The cluster has no kind {kind.kind} in {kind.api_version}; is its definition installed?"
            )
        return self._resources[kind]

    async def content(self) -> list[Resource]:
        """Every kind that `list_all` looks through, each in one version only."""
        await self._refresh(FRESH_SECONDS)
        found: dict[tuple[str, str], Resource] = {}
        for resource in self._resources.values():
            if resource.is_content:
                found.setdefault((resource.group, resource.plural), resource)
        return list(found.values())

    async def _refresh(self, max_age: float) -> None:
        async with self._lock:
            if time.monotonic() - self._read_at > max_age:
                core, groups = await asyncio.gather(self._read("/api"), self._read("/apis"))
                self._resources = {resource.kind: resource for resource in core + groups}
                self._read_at = time.monotonic()

    async def _read(self, path: str) -> list[Resource]:
        answer = await self.transport.call("GET", path, what="discovery", accept=ACCEPT)
        if answer.get("kind") != "APIGroupDiscoveryList":
            raise ClusterUnavailable("The API server has no aggregated discovery; Kubernetes 1.30 or newer is needed")
        return [
            _resource(group["metadata"].get("name", ""), version, entry)
            for group in answer["items"]
            for version in group.get("versions") or ()
            for entry in version.get("resources") or ()
        ]


def _resource(group: str, version: dict[str, Any], entry: dict[str, Any]) -> Resource:
    name = version["version"]
    return Resource(
        kind=Kind(f"{group}/{name}" if group else name, entry["responseKind"]["kind"]),
        plural=entry["resource"],
        is_namespaced=entry["scope"] == "Namespaced",
        verbs=frozenset(entry["verbs"]),
        is_stale=version.get("freshness") == "Stale",
    )
