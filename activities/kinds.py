"""The kinds of Kubernetes objects that activities speak of, and where ours lie."""

from activities.protocols import Kind, ObjectRef
from environments import labels
from environments.model import EnvironmentKey, NamespaceName

NAMESPACE = Kind("v1", "Namespace")
NODE = Kind("v1", "Node")
POD = Kind("v1", "Pod")
VOLUME = Kind("v1", "PersistentVolume")
CLAIM = Kind("v1", "PersistentVolumeClaim")
DEPLOYMENT = Kind("apps/v1", "Deployment")
REPLICA_SET = Kind("apps/v1", "ReplicaSet")
SERVICE_RANGE = Kind("networking.k8s.io/v1", "ServiceCIDR")
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice")
ENVIRONMENT = Kind(labels.API_VERSION, "Environment")
PROJECT = Kind(labels.API_VERSION, "Project")


def namespace_ref(name: str) -> ObjectRef:
    return ObjectRef(NAMESPACE, None, name)


def environment_ref(key: EnvironmentKey) -> ObjectRef:
    return ObjectRef(ENVIRONMENT, key.namespace, key.name)


def project_ref(team_namespace: NamespaceName, name: str) -> ObjectRef:
    """Project resources lie in the team's namespace (FR-ENV-020)."""
    return ObjectRef(PROJECT, team_namespace, name)
