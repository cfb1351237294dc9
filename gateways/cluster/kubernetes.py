"""The real cluster: activities.protocols.Cluster over the Kubernetes API."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from activities.protocols import ClusterGone, ClusterRefused, Kind, ObjectRef, WatchEvent
from environments.model import KubernetesObject
from gateways.cluster.discovery import Discovery, Resource
from gateways.cluster.errors import ClusterForbidden
from gateways.cluster.refs import FIELD_MANAGER, describe, ref_of
from gateways.cluster.transport import Transport, connect_transport
from gateways.cluster.watch import watch_objects

LIST_ALL_AT_ONCE = 10
"""Kinds that `list_all` asks for at the same time: about 40 kinds in 4 rounds, without a burst that priority and fairness would queue."""
CHUNK = 64 * 1024


@dataclass(frozen=True)
class KubernetesCluster:
    """Implements Cluster. Make it with `connect`, end it with `aclose`."""

    transport: Transport
    discovery: Discovery

    @classmethod
    async def connect(
        cls, kubeconfig: str | None = None, timeout: timedelta = timedelta(seconds=30)
    ) -> "KubernetesCluster":
        """`kubeconfig`: path, or None for the pod's own account; `timeout`: for each call. Doesn't talk to the server yet."""
        transport = await connect_transport(kubeconfig, timeout)
        return cls(transport, Discovery(transport))

    async def aclose(self) -> None:
        await self.transport.aclose()

    async def get(self, ref: ObjectRef) -> KubernetesObject | None:
        try:
            path = await self._path(ref)
            return await self.transport.call("GET", path, what=describe("get", ref))
        except ClusterGone:
            return None

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[KubernetesObject]:
        resource = await self.discovery.resource(kind)
        return await self._items(resource, namespace, labels)

    async def list_all(self, namespace: str, labels: Mapping[str, str]) -> Sequence[KubernetesObject]:
        slots = asyncio.Semaphore(LIST_ALL_AT_ONCE)

        async def of(resource: Resource) -> Iterable[KubernetesObject]:
            async with slots:
                try:
                    return await self._items(resource, namespace, labels)
                except ClusterGone:  # its definition went away since discovery
                    return ()
                except ClusterForbidden:  # Secrets, and kinds that the cluster's operator keeps from us: none is ours
                    return ()

        found = await asyncio.gather(*(of(resource) for resource in await self.discovery.content()))
        return [obj for objects in found for obj in objects]

    async def create(self, obj: KubernetesObject) -> KubernetesObject:
        ref = ref_of(obj)
        resource = await self.discovery.resource(ref.kind)
        path = resource.path_of(ref.namespace, None)
        query = {"fieldManager": FIELD_MANAGER}
        return await self.transport.call("POST", path, what=describe("create", ref), query=query, body=obj)

    async def apply(
        self, obj: KubernetesObject, *, manager: str, force: bool = False, subresource: Literal["status"] | None = None
    ) -> KubernetesObject:
        ref = ref_of(obj)
        path = await self._path(ref) + (f"/{subresource}" if subresource else "")
        return await self.transport.call(
            "PATCH",
            path,
            what=describe("apply", ref),
            query={"fieldManager": manager, "force": "true" if force else "false"},
            body=obj,
            content_type="application/apply-patch+yaml",
        )

    async def patch(self, ref: ObjectRef, patch: Mapping[str, Any]) -> KubernetesObject:
        return await self.transport.call(
            "PATCH",
            await self._path(ref),
            what=describe("patch", ref),
            query={"fieldManager": FIELD_MANAGER},
            body=dict(patch),
            content_type="application/merge-patch+json",
        )

    async def delete(
        self,
        ref: ObjectRef,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> bool:
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        preconditions = _given({"uid": uid, "resourceVersion": resource_version})
        body = options | _given({"gracePeriodSeconds": grace_seconds, "preconditions": preconditions or None})
        try:
            await self.transport.call("DELETE", await self._path(ref), what=describe("delete", ref), body=body)
        except ClusterGone:
            return False
        return True

    async def watch(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> AsyncIterator[WatchEvent]:
        resource = await self.discovery.resource(kind)

        async def listing() -> KubernetesObject:
            return await self._list(resource, namespace, labels)

        events = watch_objects(self.transport, resource.path(namespace), listing, selector(labels))
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    async def pod_log(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool = False,
        tail_lines: int | None = None,
        since: datetime | None = None,
    ) -> AsyncIterator[bytes]:
        ref = ObjectRef(Kind("v1", "Pod"), namespace, pod)
        query = {"container": container} | ({"follow": "true"} if follow else {})
        query |= {"tailLines": str(tail_lines)} if tail_lines is not None else {}
        query |= {"sinceTime": since.strftime("%Y-%m-%dT%H:%M:%SZ")} if since is not None else {}
        # A quiet container is no dead connection, so following has no limit on silence; the caller ends it.
        silence = None if follow else self.transport.timeout.total_seconds()
        what = describe("log of", ref)
        try:
            async with self.transport.stream(
                f"{await self._path(ref)}/log", what=what, query=query, silence=silence
            ) as s:
                async for chunk in s.iter_chunked(CHUNK):
                    yield chunk
        except ClusterRefused as error:
            if not _never_started(error):
                raise

    async def _path(self, ref: ObjectRef) -> str:
        return (await self.discovery.resource(ref.kind)).path_of(ref.namespace, ref.name)

    async def _items(
        self, resource: Resource, namespace: str | None, labels: Mapping[str, str] | None
    ) -> Sequence[KubernetesObject]:
        items: list[KubernetesObject] = (await self._list(resource, namespace, labels))["items"]
        return items

    async def _list(
        self, resource: Resource, namespace: str | None, labels: Mapping[str, str] | None
    ) -> KubernetesObject:
        what = f"list {resource.plural} in {namespace or 'all namespaces'}"
        answer = await self.transport.call("GET", resource.path(namespace), what=what, query=selector(labels))
        # The server leaves kind and version out of the items of a list.
        kind = {"apiVersion": resource.kind.api_version, "kind": resource.kind.kind}
        answer["items"] = [kind | item for item in answer.get("items") or ()]
        return answer


def selector(labels: Mapping[str, str] | None) -> dict[str, str]:
    return {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())} if labels else {}


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _never_started(error: ClusterRefused) -> bool:
    text = str(error)
    return "waiting to start" in text or "does not have a host assigned" in text
