"""The guard objects of an environment namespace: quota, limits, network; made by prepare, kept so by check (design: rule 12)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from async_lru import alru_cache

from activities.egress import Egress
from activities.kinds import ENDPOINT_SLICE, NODE, SERVICE_RANGE
from activities.protocols import Cluster
from environments import labels
from environments.isolation import guard_objects
from environments.model import ClusterNetwork, KubernetesObject, PlatformAddress, Quota, WayOut
from environments.work import RolloutRequest

NETWORK_SECONDS = 5.0
"""What the cluster said of its network is believed: twenty rollouts at once ask once."""
API_SERVICE = {"kubernetes.io/service-name": "kubernetes"}


@dataclass(frozen=True)
class Guards:
    cluster: Cluster
    address: PlatformAddress
    quota: Quota = field(default_factory=Quota)
    ingress_address: str | None = None
    """Where pods reach an ingress that runs on the nodes; None: the first node's address."""
    egress: Egress | None = None
    """None: everything outside is open."""
    _network: Callable[[], Awaitable[ClusterNetwork]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_network", alru_cache(ttl=NETWORK_SECONDS)(self._read_network))

    async def apply(self, request: RolloutRequest) -> None:
        """Forced: whoever loosened them loses (ours to own in every kind of environment)."""
        network, way_out = await asyncio.gather(self._network(), self._way_out(request))
        objects = guard_objects(
            request.identity,
            request.namespace,
            request.uid,
            request.rollout,
            network.model_copy(update={"way_out": way_out}),
            self.address,
            self.quota,
        )
        await asyncio.gather(*(self.cluster.apply(each, manager=labels.MANAGER, force=True) for each in objects))

    async def _read_network(self) -> ClusterNetwork:
        return await cluster_network(self.cluster, self.address, self.ingress_address)

    async def _way_out(self, request: RolloutRequest) -> WayOut | None:
        if self.egress is None or self.egress.proxy is None:
            return None
        port = await self.egress.port(request.identity)
        return WayOut(address=self.egress.proxy.address, port=port) if port is not None else None


async def cluster_network(
    cluster: Cluster, address: PlatformAddress, ingress_address: str | None = None
) -> ClusterNetwork:
    """What the cluster says of its own network."""
    nodes, ranges, slices = await asyncio.gather(
        cluster.list(NODE),
        cluster.list(SERVICE_RANGE),
        cluster.list(ENDPOINT_SLICE, "default", API_SERVICE),
    )
    of_nodes = [address for node in nodes for address in _addresses(node)]
    of_api = [address for part in slices for point in part.get("endpoints") or () for address in point["addresses"]]
    is_on_nodes = address.ingress_namespace is None
    return ClusterNetwork(
        pod_ranges=tuple(sorted({each for node in nodes for each in node.get("spec", {}).get("podCIDRs") or ()})),
        service_ranges=tuple(sorted({each for found in ranges for each in found["spec"]["cidrs"]})),
        node_addresses=tuple(sorted({*of_nodes, *of_api})),
        ingress_address=(ingress_address or next(iter(of_nodes), None)) if is_on_nodes else None,
    )


def _addresses(node: KubernetesObject) -> list[str]:
    found = node.get("status", {}).get("addresses") or ()
    return [each["address"] for each in found if each["type"] in ("InternalIP", "ExternalIP")]
