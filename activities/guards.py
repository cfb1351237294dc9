"""The guard objects of an environment namespace: quota, limits, network; made by prepare, kept so by check (design: rule 12)."""

import asyncio
from dataclasses import dataclass, field

from activities.kinds import ENDPOINT_SLICE, NODE, SERVICE_RANGE
from activities.protocols import Cluster
from environments import labels
from environments.isolation import guard_objects
from environments.model import ClusterNetwork, KubernetesObject, PlatformAddress, Quota
from environments.work import RolloutRequest

API_SERVICE = {"kubernetes.io/service-name": "kubernetes"}


@dataclass(frozen=True)
class Guards:
    cluster: Cluster
    address: PlatformAddress
    quota: Quota = field(default_factory=Quota)
    ingress_address: str | None = None
    """Where pods reach an ingress that runs on the nodes; None: the first node's address."""

    async def apply(self, request: RolloutRequest) -> None:
        """Forced: whoever loosened them loses (ours to own in every kind of environment)."""
        objects = guard_objects(
            request.identity,
            request.namespace,
            request.uid,
            request.rollout,
            await self._network(),
            self.address,
            self.quota,
        )
        await asyncio.gather(*(self.cluster.apply(each, manager=labels.MANAGER, force=True) for each in objects))

    async def _network(self) -> ClusterNetwork:
        nodes, ranges, slices = await asyncio.gather(
            self.cluster.list(NODE),
            self.cluster.list(SERVICE_RANGE),
            self.cluster.list(ENDPOINT_SLICE, "default", API_SERVICE),
        )
        of_nodes = [address for node in nodes for address in _addresses(node)]
        of_api = [address for part in slices for point in part.get("endpoints") or () for address in point["addresses"]]
        is_on_nodes = self.address.ingress_namespace is None
        return ClusterNetwork(
            pod_ranges=tuple(sorted({each for node in nodes for each in node.get("spec", {}).get("podCIDRs") or ()})),
            service_ranges=tuple(sorted({each for found in ranges for each in found["spec"]["cidrs"]})),
            node_addresses=tuple(sorted({*of_nodes, *of_api})),
            ingress_address=(self.ingress_address or next(iter(of_nodes), None)) if is_on_nodes else None,
        )


def _addresses(node: KubernetesObject) -> list[str]:
    found = node.get("status", {}).get("addresses") or ()
    return [each["address"] for each in found if each["type"] in ("InternalIP", "ExternalIP")]
