"""Guards as they are applied: the cluster is asked for its network by one of those that begin at once."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from activities.guards import Guards
from activities.protocols import Kind
from environments.model import KubernetesObject, PlatformAddress
from gateways.cluster.fake import InMemoryCluster
from tests.unit.test_sidecar import REQUEST


class Asked(InMemoryCluster):
    def __init__(self) -> None:
        super().__init__()
        self.kinds: Counter[str] = Counter()

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[KubernetesObject]:
        self.kinds[kind.kind] += 1
        return await super().list(kind, namespace, labels)


async def test_rollouts_that_begin_at_once_ask_once() -> None:
    cluster = Asked()
    guards = Guards(cluster, PlatformAddress())
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": REQUEST.namespace}}
    await cluster.create(home)
    await asyncio.gather(*(guards.apply(REQUEST) for _ in range(20)))
    assert cluster.kinds == {"Node": 1, "ServiceCIDR": 1, "EndpointSlice": 1}
