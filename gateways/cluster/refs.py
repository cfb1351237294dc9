"""Objects and how they are named in calls; shared by the real cluster and the one in memory."""

from activities.protocols import ClusterRefused, Kind, ObjectRef
from environments.model import KubernetesObject

FIELD_MANAGER = "catalyst"
"""Manager of what `create` and `patch` write; `apply` names its own."""


def ref_of(obj: KubernetesObject) -> ObjectRef:
    """Raises ClusterRefused for an object without kind or name."""
    try:
        metadata = obj["metadata"]
        return ObjectRef(Kind(obj["apiVersion"], obj["kind"]), metadata.get("namespace"), metadata["name"])
    except KeyError as error:
        raise ClusterRefused(f"The object has no {error.args[0]}") from error


def describe(verb: str, ref: ObjectRef) -> str:
    """How errors name a call: "apply Deployment team-x/web"."""
    return f"{verb} {ref.kind.kind} {ref.namespace + '/' if ref.namespace else ''}{ref.name}"
