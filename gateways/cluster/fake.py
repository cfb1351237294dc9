"""A cluster in memory for workflow tests: activities.protocols.Cluster with the API server's habits that we rely on.

Stateful: uids, versions, generations, finalizers, field owners, namespaces that take their content with them, and a tiny
kubelet. The contract suite (tests/gateways) runs on it and on a real API server, so that it can't drift.
"""

import asyncio
import copy
import itertools
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from activities.protocols import ClusterConflict, ClusterGone, ClusterRefused, Kind, ObjectRef, WatchEvent
from environments.model import KubernetesObject
from gateways.cluster.fields import merge_patch
from gateways.cluster.kubelet import Kubelet
from gateways.cluster.objects import (
    CLUSTER_SCOPED,
    Key,
    check_preconditions,
    content,
    declared,
    has_labels,
    is_held,
    is_leaving,
    key_of,
    matches,
    now_text,
    only_status,
    without_status,
)
from gateways.cluster.ownership import Owner, applied, updated
from gateways.cluster.refs import FIELD_MANAGER, describe, ref_of
from gateways.cluster.watching import Watching

PASSING = frozenset({"Event", "Lease", "Endpoints", "EndpointSlice", "PodMetrics"})
NAMESPACE = Kind("v1", "Namespace")
POD = Kind("v1", "Pod")

Operation = Literal["get", "list", "list_all", "create", "apply", "patch", "delete", "watch", "pod_log"]
Admission = Callable[[KubernetesObject | None, KubernetesObject, KubernetesObject | None], str | None]
"""(stored object, new object, namespace object) -> why it is refused, or None: a ValidatingAdmissionPolicy as a function."""


class InMemoryCluster:
    """Implements Cluster. The public attributes are the tests' controls."""

    def __init__(self, *, pods_become_ready: bool = True) -> None:
        self.pods_become_ready = pods_become_ready
        """False: pods of Deployments and bare pods stay waiting; set True later and `touch()`."""
        self.hang_namespaces = False
        """True: a deleted namespace stays Terminating (a stuck volume); set False and it goes at the next call."""
        self.admission: Admission | None = None
        self.calls: list[tuple[str, ObjectRef | None]] = []
        """Every call in order: operation and what it was about."""
        self.watchers = 0
        """How many watches are open."""
        self._objects: dict[Key, KubernetesObject] = {}
        self._versions = itertools.count(1)
        self._failures: dict[str, deque[Exception]] = defaultdict(deque)
        self._keys: dict[str, Key] = {}
        """By uid."""
        self._leaving: dict[Key, None] = {}
        """Namespaces that are being deleted."""
        self._watches: list[Watching] = []
        self._logs: dict[tuple[str, str, str], bytes] = {}
        self._kubelet = Kubelet(self)
        for name in ("default", "kube-system"):
            self._insert({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    # --- controls ------------------------------------------------------------------------------------------------

    def fail_next(self, operation: Operation, error: Exception, times: int = 1) -> None:
        """The next calls of that operation raise the error and change nothing."""
        self._failures[operation].extend([error] * times)

    def heal(self) -> None:
        """Forget the failures that are still to come."""
        self._failures.clear()

    def set_status(self, ref: ObjectRef, status: Mapping[str, Any]) -> None:
        """What a controller would write into `status`."""
        stored = self._objects[key_of(ref)]
        self._store(stored | {"status": {**stored.get("status", {}), **status}}, stored)

    def write_log(self, namespace: str, pod: str, container: str, data: bytes) -> None:
        self._logs[namespace, pod, container] = self._logs.get((namespace, pod, container), b"") + data

    def objects(self, kind: str | None = None, namespace: str | None = None) -> list[KubernetesObject]:
        """A copy of what is stored, without a call."""
        return copy.deepcopy(
            [o for k, o in self._objects.items() if kind in (None, k[1]) and namespace in (None, k[2])]
        )

    def touch(self) -> None:
        """Let the tiny kubelet look at everything again."""
        for obj in list(self._objects.values()):
            self._notice(obj)

    # --- the Protocol --------------------------------------------------------------------------------------------

    async def get(self, ref: ObjectRef) -> KubernetesObject | None:
        await self._enter("get", ref)
        return copy.deepcopy(self._objects.get(key_of(ref)))

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[KubernetesObject]:
        await self._enter("list", None)
        return [copy.deepcopy(obj) for obj in self._objects.values() if matches(obj, kind, namespace, labels)]

    async def list_all(self, namespace: str, labels: Mapping[str, str]) -> Sequence[KubernetesObject]:
        await self._enter("list_all", None)
        found = [obj for key, obj in self._objects.items() if key[2] == namespace and key[1] not in PASSING]
        return copy.deepcopy([obj for obj in found if has_labels(obj, labels)])

    async def create(self, obj: KubernetesObject) -> KubernetesObject:
        ref = ref_of(obj)
        await self._enter("create", ref)
        if key_of(ref) in self._objects:
            raise ClusterConflict(f"{describe('create', ref)}: already exists (409)")
        new = without_status(obj)
        updated({"apiVersion": obj["apiVersion"], "metadata": {}}, new, Owner(FIELD_MANAGER, "Update", ""))
        return self._write(None, new)

    async def apply(
        self, obj: KubernetesObject, *, manager: str, force: bool = False, subresource: Literal["status"] | None = None
    ) -> KubernetesObject:
        ref = ref_of(obj)
        await self._enter("apply", ref)
        stored = self._objects.get(key_of(ref))
        if subresource and stored is None:
            raise ClusterGone(f"{describe('apply', ref)}: not found (404)")
        check_preconditions(stored, obj["metadata"].get("uid"), obj["metadata"].get("resourceVersion"))
        wanted = only_status(obj) if subresource else without_status(obj)
        live = stored or {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "metadata": {"name": ref.name} | ({"namespace": ref.namespace} if ref.namespace else {}),
        }
        return self._write(stored, applied(live, wanted, Owner(manager, "Apply", subresource or ""), force))

    async def patch(self, ref: ObjectRef, patch: Mapping[str, Any]) -> KubernetesObject:
        await self._enter("patch", ref)
        stored = self._objects.get(key_of(ref))
        if stored is None:
            raise ClusterGone(f"{describe('patch', ref)}: not found (404)")
        metadata = patch.get("metadata") or {}
        check_preconditions(stored, metadata.get("uid"), metadata.get("resourceVersion"))
        new: KubernetesObject = merge_patch(copy.deepcopy(stored), without_status(dict(patch)))
        updated(stored, new, Owner(FIELD_MANAGER, "Update", ""))
        return self._write(stored, new)

    async def delete(
        self,
        ref: ObjectRef,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> bool:
        await self._enter("delete", ref)
        stored = self._objects.get(key_of(ref))
        if stored is None:
            return False
        check_preconditions(stored, uid, resource_version)
        self._begin_deletion(stored)
        return True

    async def watch(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> AsyncIterator[WatchEvent]:
        await self._enter("watch", None)
        watching = Watching(kind, namespace, labels)
        for obj in self._objects.values():
            watching.tell(WatchEvent("ADDED", obj))
        self._watches.append(watching)
        self.watchers += 1
        try:
            while True:
                yield await watching.queue.get()
        finally:
            self._watches.remove(watching)
            self.watchers -= 1

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
        ref = ObjectRef(POD, namespace, pod)
        await self._enter("pod_log", ref)
        if key_of(ref) not in self._objects:
            raise ClusterGone(f"{describe('log of', ref)}: not found (404)")
        data = self._logs.get((namespace, pod, container), b"")
        sent = len(data)
        if data and tail_lines != 0:
            yield b"".join(data.splitlines(keepends=True)[-(tail_lines or 0) :])
        while follow and key_of(ref) in self._objects:
            await asyncio.sleep(0.01)
            data = self._logs.get((namespace, pod, container), b"")
            if len(data) > sent:
                yield data[sent:]
                sent = len(data)

    # --- for the tiny kubelet ------------------------------------------------------------------------------------

    def by_uid(self, uid: str) -> KubernetesObject | None:
        """A copy; None once it is gone."""
        return copy.deepcopy(self._objects.get(self._keys[uid])) if uid in self._keys else None

    def put_pod(self, pod: KubernetesObject) -> None:
        self._insert(pod)

    def put_status(self, obj: KubernetesObject, status: dict[str, Any]) -> None:
        stored = self._objects.get(key_of(ref_of(obj)))
        if stored is not None and stored.get("status") != status:
            self._store(stored | {"status": status}, stored)

    def drop_pod(self, pod: KubernetesObject) -> None:
        self._begin_deletion(pod)

    # --- behind it -----------------------------------------------------------------------------------------------

    async def _enter(self, operation: Operation, ref: ObjectRef | None) -> None:
        self.calls.append((operation, ref))
        await asyncio.sleep(0)  # as a real call would: others run, and what controllers do happens between calls
        self._kubelet.work()
        self._finish_namespaces()
        if self._failures[operation]:
            raise self._failures[operation].popleft()

    def _write(self, stored: KubernetesObject | None, new: KubernetesObject) -> KubernetesObject:
        self._admit(stored, new)
        if stored is None:
            return copy.deepcopy(self._insert(new))
        if content(stored) != content(new):
            self._store(new, stored)
        return copy.deepcopy(self._objects.get(key_of(ref_of(new)), new))

    def _admit(self, stored: KubernetesObject | None, new: KubernetesObject) -> None:
        ref = ref_of(new)
        home = self._objects.get(key_of(ObjectRef(NAMESPACE, None, ref.namespace or "")))
        if ref.kind.kind not in CLUSTER_SCOPED:
            if not ref.namespace:
                raise ClusterRefused(f"{ref.kind.kind} {ref.name}: the object names no namespace")
            if ref.namespace is None:
                raise ClusterRefused(f"{ref.kind.kind} {ref.name}: the namespace is missing (405)")
            if home is None:
                raise ClusterGone(f'{ref.kind.kind} {ref.name}: namespaces "{ref.namespace}" not found (404)')
            if stored is None and is_leaving(home):
                raise ClusterRefused(
                    f"{ref.kind.kind} {ref.name}: namespace {ref.namespace} because it is being terminated (403)"
                )
        reason = self.admission(stored, new, home) if self.admission else None
        if reason is not None:
            raise ClusterRefused(f"{ref.kind.kind} {ref.name}: {reason} (422)")

    def _insert(self, new: KubernetesObject) -> KubernetesObject:
        metadata = {"uid": str(uuid.uuid4()), "creationTimestamp": now_text()} | new["metadata"]
        if "spec" in new and new["kind"] != "Namespace":
            metadata["generation"] = 1
        if new["kind"] == "Namespace":
            new = new | {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        return self._store(new | {"metadata": metadata}, None)

    def _store(self, new: KubernetesObject, before: KubernetesObject | None) -> KubernetesObject:
        """Keep the object with a new version, tell the watchers, and let it go when nothing holds it any more."""
        new = new | {"metadata": new["metadata"] | {"resourceVersion": str(next(self._versions))}}
        if before is not None and "generation" in before["metadata"] and declared(before) != declared(new):
            new["metadata"]["generation"] = before["metadata"]["generation"] + 1
        key = key_of(ref_of(new))
        if is_leaving(new) and not is_held(new):
            self._drop(key, new)
            return new
        self._objects[key] = new
        self._keys[new["metadata"]["uid"]] = key
        if new["kind"] == "Namespace" and is_leaving(new):
            self._leaving[key] = None
        self._tell("ADDED" if before is None else "MODIFIED", new)
        self._notice(new)
        return new

    def _begin_deletion(self, stored: KubernetesObject) -> None:
        if is_leaving(stored):
            return
        marked = copy.deepcopy(stored)
        marked["metadata"] |= {"deletionTimestamp": now_text(), "deletionGracePeriodSeconds": 0}
        if stored["kind"] == "Namespace":
            marked["status"] = {"phase": "Terminating"}
            asyncio.get_running_loop().call_soon(self._finish_namespaces)
        self._store(marked, stored)

    def _drop(self, key: Key, obj: KubernetesObject) -> None:
        uid = obj["metadata"]["uid"]
        self._objects.pop(key, None)
        self._keys.pop(uid, None)
        self._leaving.pop(key, None)
        self._tell("DELETED", obj)
        for other in list(self._objects.values()):
            if any(owner.get("uid") == uid for owner in other["metadata"].get("ownerReferences") or ()):
                self._begin_deletion(other)

    def _finish_namespaces(self) -> None:
        for key in list(self._leaving):
            namespace = self._objects[key]
            for obj in [o for k, o in self._objects.items() if k[2] == key[3]]:
                self._begin_deletion(obj)
            if not self.hang_namespaces and not any(k[2] == key[3] for k in self._objects):
                self._store(namespace | {"spec": {"finalizers": []}}, namespace)

    def _notice(self, obj: KubernetesObject) -> None:
        if self._kubelet.notice(obj):
            asyncio.get_running_loop().call_soon(self._kubelet.work)

    def _tell(self, type_: Literal["ADDED", "MODIFIED", "DELETED"], obj: KubernetesObject) -> None:
        for watching in self._watches:
            watching.tell(WatchEvent(type_, obj))
