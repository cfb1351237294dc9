"""The Kubernetes API on plain dictionaries."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from activities.protocols.failure import GatewayError
from environments.model import KubernetesObject


class Kind(NamedTuple):
    """A kind of Kubernetes object: Kind("apps/v1", "Deployment")."""

    api_version: str
    kind: str


class ObjectRef(NamedTuple):
    """One Kubernetes object by name; namespace None for cluster-scoped ones."""

    kind: Kind
    namespace: str | None
    name: str


class WatchEvent(NamedTuple):
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: KubernetesObject


class ClusterConflict(GatewayError):
    """409: another field manager owns a field, a precondition failed, or the object exists already."""

    retryable = False


class ClusterRefused(GatewayError):
    """403 or 422: an admission policy, quota, RBAC or validation refused the object."""

    retryable = False


class ClusterGone(GatewayError):
    """404 on a write: the namespace (or the kind) doesn't exist."""

    retryable = False


class Cluster(Protocol):
    """The Kubernetes API on plain dictionaries. Any other failure (5xx, timeouts, 429) is a retryable GatewayError."""

    async def get(self, ref: ObjectRef) -> KubernetesObject | None:
        """The object, or None when it (or its namespace) doesn't exist."""
        ...

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[KubernetesObject]: ...

    async def list_all(self, namespace: str, labels: Mapping[str, str]) -> Sequence[KubernetesObject]:
        """Every object in the namespace with these labels, of every kind that discovery finds and our account may list (events and
        metrics excepted)."""
        ...

    async def create(self, obj: KubernetesObject) -> KubernetesObject:
        """Raises ClusterConflict when it exists, ClusterRefused, ClusterGone."""
        ...

    async def apply(
        self, obj: KubernetesObject, *, manager: str, force: bool = False, subresource: Literal["status"] | None = None
    ) -> KubernetesObject:
        """Server-side apply. Raises ClusterConflict, ClusterRefused, ClusterGone."""
        ...

    async def patch(self, ref: ObjectRef, patch: Mapping[str, Any]) -> KubernetesObject:
        """JSON merge patch; put `metadata.resourceVersion` into it for a compare-and-set. Raises ClusterConflict, ClusterRefused, ClusterGone."""
        ...

    async def delete(
        self,
        ref: ObjectRef,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> bool:
        """Begin deletion (background propagation); False when it wasn't there. Raises ClusterConflict when a precondition failed."""
        ...

    def watch(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> AsyncIterator[WatchEvent]:
        """First every existing object as ADDED, then changes, for as long as the caller iterates (reconnects and relists by itself)."""
        ...

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
        """Chunks of the container's output; ends at once for a container that never started. Raises ClusterGone for a pod that isn't there."""
        ...
