"""The in-memory cluster as one account sees it: what an API server with RBAC in front of the same objects would say."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from activities.protocols import Kind, ObjectRef, WatchEvent
from environments.model import KubernetesObject
from gateways.cluster.errors import ClusterForbidden
from gateways.cluster.fake import POD, InMemoryCluster
from gateways.cluster.objects import CLUSTER_SCOPED, group_of
from gateways.cluster.refs import ref_of

Authorization = Callable[[str, str, str, str | None, str], bool]
"""(verb, API group, kind, namespace, subresource) -> whether the account may: RBAC as a function (environments.permissions.allows)."""


@dataclass(frozen=True)
class AuthorizedCluster:
    """Implements Cluster."""

    cluster: InMemoryCluster
    authorization: Authorization

    async def get(self, ref: ObjectRef) -> KubernetesObject | None:
        self._check("get", ref.kind, ref.namespace)
        return await self.cluster.get(ref)

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[KubernetesObject]:
        self._check("list", kind, namespace)
        return await self.cluster.list(kind, namespace, labels)

    async def list_all(self, namespace: str, labels: Mapping[str, str]) -> Sequence[KubernetesObject]:
        found = await self.cluster.list_all(namespace, labels)
        return [obj for obj in found if self._may("list", ref_of(obj).kind, namespace)]

    async def create(self, obj: KubernetesObject) -> KubernetesObject:
        ref = ref_of(obj)
        self._check("create", ref.kind, ref.namespace)
        return await self.cluster.create(obj)

    async def apply(
        self, obj: KubernetesObject, *, manager: str, force: bool = False, subresource: Literal["status"] | None = None
    ) -> KubernetesObject:
        ref = ref_of(obj)
        self._check("patch", ref.kind, ref.namespace, subresource or "")
        if subresource is None and not self._exists(ref):
            self._check("create", ref.kind, ref.namespace)
        return await self.cluster.apply(obj, manager=manager, force=force, subresource=subresource)

    async def patch(self, ref: ObjectRef, patch: Mapping[str, Any]) -> KubernetesObject:
        self._check("patch", ref.kind, ref.namespace)
        return await self.cluster.patch(ref, patch)

    async def delete(
        self,
        ref: ObjectRef,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> bool:
        self._check("delete", ref.kind, ref.namespace)
        return await self.cluster.delete(ref, uid=uid, resource_version=resource_version, grace_seconds=grace_seconds)

    def watch(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> AsyncIterator[WatchEvent]:
        for verb in ("list", "watch"):
            self._check(verb, kind, namespace)
        return self.cluster.watch(kind, namespace, labels)

    def pod_log(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool = False,
        tail_lines: int | None = None,
        since: datetime | None = None,
    ) -> AsyncIterator[bytes]:
        self._check("get", POD, namespace, "log")
        return self.cluster.pod_log(namespace, pod, container, follow=follow, tail_lines=tail_lines, since=since)

    def _exists(self, ref: ObjectRef) -> bool:
        found = self.cluster.objects(ref.kind.kind, ref.namespace or "")
        return any(obj["metadata"]["name"] == ref.name for obj in found)

    def _check(self, verb: str, kind: Kind, namespace: str | None, subresource: str = "") -> None:
        if not self._may(verb, kind, namespace, subresource):
            what = f"{kind.kind}/{subresource}" if subresource else kind.kind
            raise ClusterForbidden(f"{verb} {what} in {namespace or 'the cluster'}: the account may not (403)")

    def _may(self, verb: str, kind: Kind, namespace: str | None, subresource: str = "") -> bool:
        where = None if kind.kind in CLUSTER_SCOPED else namespace
        return self.authorization(verb, group_of(kind), kind.kind, where, subresource)
