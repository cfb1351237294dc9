"""plan(desired, observed): what to apply, in which order, and what is left over. A value; nothing is called here."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from environments import labels
from environments.model import KubernetesObject, Value

ORDER = (
    "ServiceAccount",
    "ConfigMap",
    "Secret",
    "PersistentVolumeClaim",
    "Service",
    "Deployment",
    "Ingress",
)
"""After the guards: what a pod needs before the pod, so that nothing starts and fails first. Other kinds come last."""


class ObjectName(NamedTuple):
    """One object within the environment namespace: ObjectName("apps/v1", "Deployment", "web")."""

    api_version: str
    kind: str
    name: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """Group, kind, name: the versions of one kind show the same objects."""
        group, slash, _ = self.api_version.partition("/")
        return (group if slash else "", self.kind, self.name)


class Plan(Value):
    apply: tuple[KubernetesObject, ...]
    """To be written in this order; applying one that is so already changes nothing."""
    prune: tuple[ObjectName, ...]
    """To be deleted in this order, after everything was applied."""
    keep: tuple[ObjectName, ...]
    """Observed and neither applied nor deleted: others' objects, guards, volumes in use, what goes by itself."""


def plan(desired: Sequence[KubernetesObject], observed: Sequence[KubernetesObject], rollout: int) -> Plan:
    """Everything desired, and away with what an older rollout left behind.

    `observed`: any objects of the environment namespace. Deleted is only what carries our label, is not desired, and
    whose number is lower than `rollout`; never a guard, what a controller owns, or a volume that something desired mounts.
    """
    wanted = {name_of(obj).identity for obj in desired}
    mounted = frozenset(_claims(desired))
    rest = [obj for obj in observed if name_of(obj).identity not in wanted]
    prune = [obj for obj in rest if _is_left_over(obj, rollout, mounted)]
    kept = [obj for obj in rest if not _is_left_over(obj, rollout, mounted)]
    return Plan(
        apply=tuple(sorted(desired, key=_position)),
        prune=tuple(name_of(obj) for obj in sorted(prune, key=_position, reverse=True)),
        keep=tuple(name_of(obj) for obj in sorted(kept, key=_position)),
    )


def name_of(obj: KubernetesObject) -> ObjectName:
    return ObjectName(obj["apiVersion"], obj["kind"], obj["metadata"]["name"])


def rollout_of(obj: KubernetesObject) -> int:
    """Number of the rollout that wrote it last; 0 for an object that doesn't say."""
    number = _labels(obj).get(labels.ROLLOUT, "")
    return int(number) if number.isascii() and number.isdigit() else 0


def _is_left_over(obj: KubernetesObject, rollout: int, mounted: frozenset[str]) -> bool:
    metadata, own = obj["metadata"], _labels(obj)
    is_ours = own.get(labels.MANAGED_BY) == labels.MANAGER and own.get(labels.COMPONENT) != labels.GUARD
    goes_by_itself = "deletionTimestamp" in metadata or bool(metadata.get("ownerReferences"))
    in_use = obj["kind"] == "PersistentVolumeClaim" and metadata["name"] in mounted
    return is_ours and not goes_by_itself and not in_use and rollout_of(obj) < rollout


def _claims(objects: Iterable[KubernetesObject]) -> Iterable[str]:
    """Names of the volume claims that the pods of these objects mount."""
    for obj in objects:
        spec = obj.get("spec") or {}
        pod: dict[str, Any] = (spec.get("template") or {}).get("spec") or spec
        for volume in pod.get("volumes") or ():
            if claim := volume.get("persistentVolumeClaim"):
                yield claim["claimName"]


def _position(obj: KubernetesObject) -> tuple[bool, int, ObjectName]:
    is_guard = _labels(obj).get(labels.COMPONENT) == labels.GUARD
    kind = obj["kind"]
    return (not is_guard, ORDER.index(kind) if kind in ORDER else len(ORDER), name_of(obj))


def _labels(obj: KubernetesObject) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}
