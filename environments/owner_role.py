"""What the owner of an environment may do in its namespace: full access (specification, "Access Level Conventions"), as a table.

What is left out is left out on purpose: bounds (quota, limits), rights, tokens of service accounts, addresses behind a
Service, and the API server as a proxy. The guards (environments.guarding) hold even for those who were given more.
"""

from typing import NamedTuple

from environments.model import KubernetesObject
from environments.permissions import RBAC

NAME = "catalyst:owner"
"""A cluster role, so that one RoleBinding in an environment namespace gives it there and nowhere else."""
READ = ("get", "list", "watch")
CHANGE = ("get", "patch", "update")
WRITE = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Grant(NamedTuple):
    group: str
    """API group; empty: the core one."""
    resources: tuple[str, ...]
    """Plurals, `plural/subresource`."""
    verbs: tuple[str, ...]


CORE = (
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "podtemplates",
    "replicationcontrollers",
    "secrets",
    "serviceaccounts",
    "services",
)
APPS = ("daemonsets", "deployments", "replicasets", "statefulsets")
GRANTS = (
    Grant("", CORE, WRITE),
    Grant("", ("pods/ephemeralcontainers", "pods/resize", "replicationcontrollers/scale"), CHANGE),
    Grant("", ("pods/eviction",), ("create",)),
    Grant("", ("pods/attach", "pods/exec", "pods/portforward"), ("create", "get")),
    Grant("", ("endpoints", "events", "limitranges", "namespaces", "pods/log", "resourcequotas"), READ),
    Grant("apps", APPS, WRITE),
    Grant("apps", ("deployments/scale", "replicasets/scale", "statefulsets/scale"), CHANGE),
    Grant("apps", ("controllerrevisions",), READ),
    Grant("autoscaling", ("horizontalpodautoscalers",), WRITE),
    Grant("batch", ("cronjobs", "jobs"), WRITE),
    Grant("discovery.k8s.io", ("endpointslices",), READ),
    Grant("events.k8s.io", ("events",), READ),
    Grant("metrics.k8s.io", ("pods",), READ),
    Grant("networking.k8s.io", ("ingresses", "networkpolicies"), WRITE),
    Grant("policy", ("poddisruptionbudgets",), WRITE),
    Grant(RBAC, ("rolebindings", "roles"), READ),
)


def owner_role_object() -> KubernetesObject:
    rules = [
        {"apiGroups": [each.group], "resources": list(each.resources), "verbs": list(each.verbs)} for each in GRANTS
    ]
    return {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": NAME}, "rules": rules}


def owner_binding_object(namespace: str, subject: dict[str, str]) -> KubernetesObject:
    """The role given in one environment namespace; `subject` as for environments.permissions.binding_objects."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"namespace": namespace, "name": NAME},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": NAME},
        "subjects": [subject],
    }


def written() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Group and resources of what an owner makes or changes."""
    return tuple((each.group, each.resources) for each in GRANTS if each.verbs != READ)
