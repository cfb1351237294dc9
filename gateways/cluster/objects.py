"""Questions about stored objects that the in-memory cluster asks."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from activities.protocols import ClusterConflict, Kind, ObjectRef
from environments.model import KubernetesObject

CLUSTER_SCOPED = frozenset(
    (
        "Namespace",
        "Node",
        "PersistentVolume",
        "StorageClass",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "PriorityClass",
        "IngressClass",
    )
)

Key = tuple[str, str, str, str]
"""Group, kind, namespace ("" for cluster-scoped), name: versions of one kind show the same objects."""


def key_of(ref: ObjectRef) -> Key:
    namespace = "" if ref.kind.kind in CLUSTER_SCOPED else ref.namespace or ""
    return group_of(ref.kind), ref.kind.kind, namespace, ref.name


def group_of(kind: Kind) -> str:
    return kind.api_version.rpartition("/")[0]


def matches(obj: KubernetesObject, kind: Kind, namespace: str | None, labels: Mapping[str, str] | None) -> bool:
    is_kind = obj["kind"] == kind.kind and obj["apiVersion"].rpartition("/")[0] == group_of(kind)
    return is_kind and namespace in (None, obj["metadata"].get("namespace")) and has_labels(obj, labels)


def has_labels(obj: KubernetesObject, labels: Mapping[str, str] | None) -> bool:
    return (labels or {}).items() <= (obj["metadata"].get("labels") or {}).items()


def is_held(obj: KubernetesObject) -> bool:
    """Whether a finalizer keeps a deleted object."""
    own = obj["metadata"].get("finalizers")
    return bool(own or (obj["kind"] == "Namespace" and obj.get("spec", {}).get("finalizers")))


def is_leaving(obj: KubernetesObject) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def declared(obj: KubernetesObject) -> Any:
    """What `metadata.generation` counts changes of."""
    return {k: v for k, v in obj.items() if k not in ("metadata", "status")}, is_leaving(obj)


def content(obj: KubernetesObject) -> Any:
    """What a write must change to make a new version: all but the version and the times of ownership."""
    bare = copy.deepcopy(obj)
    bare["metadata"].pop("resourceVersion", None)
    for entry in bare["metadata"].get("managedFields") or ():
        entry.pop("time", None)
    return bare


def without_status(obj: KubernetesObject) -> KubernetesObject:
    return copy.deepcopy({k: v for k, v in obj.items() if k != "status"})


def only_status(obj: KubernetesObject) -> KubernetesObject:
    return copy.deepcopy({k: v for k, v in obj.items() if k in ("apiVersion", "kind", "status")})


def check_preconditions(stored: KubernetesObject | None, uid: str | None, version: str | None) -> None:
    """Raises ClusterConflict when the stored object is another one, or a newer version, than the caller saw."""
    metadata = stored["metadata"] if stored else {}
    for what, wanted, found in (
        ("uid", uid, metadata.get("uid")),
        ("resourceVersion", version, metadata.get("resourceVersion")),
    ):
        if wanted and wanted != found:
            raise ClusterConflict(f"Precondition failed: {what} in precondition: {wanted}, in object: {found} (409)")


def now_text() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
