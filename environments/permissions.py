"""What the product may do in the cluster, and nothing else: the one table from which its roles are made (issue 5, "Deployment basics").

Roles of its own for each environment namespace would be narrower still, but a namespace that is being deleted loses them
first, just when teardown has to look who holds it (docs/decisions/0012). What we may write is narrowed by the admission
policies of environments/fencing.py and environments/guarding/account.py besides.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from environments import labels
from environments.model import KubernetesObject

NAME = "catalyst:product"
"""Of the roles and their bindings."""
HOME = "catalyst-system"
"""The platform's own namespace."""
ACCOUNT = "catalyst"
"""The service account in HOME, for API and worker that run as pods."""
RBAC = "rbac.authorization.k8s.io"
CATALYST = labels.API_VERSION.partition("/")[0]


class Permission(NamedTuple):
    group: str
    """API group; empty: the core one."""
    kind: str
    resource: str
    """Plural, as paths have it; with a subresource `plural/subresource`."""
    verbs: tuple[str, ...]
    namespace: str | None = None
    """None: in all of them, or cluster-scoped."""


NAMED = (
    # Teams, projects and environments; their resources.
    Permission("", "Namespace", "namespaces", ("get", "list", "watch", "create", "patch", "delete")),
    Permission(CATALYST, "Project", "projects", ("get", "watch", "create", "patch")),
    Permission(CATALYST, "Environment", "environments", ("get", "list", "watch", "create", "patch", "delete")),
    Permission(CATALYST, "Environment", "environments/status", ("patch",)),
    # What the network policy closes is read from the cluster.
    Permission("", "Node", "nodes", ("list",)),
    Permission("networking.k8s.io", "ServiceCIDR", "servicecidrs", ("list",)),
    Permission("discovery.k8s.io", "EndpointSlice", "endpointslices", ("list",), "default"),
    # Guards, made and watched; pruned never.
    Permission("", "ResourceQuota", "resourcequotas", ("watch", "create")),
    Permission("", "LimitRange", "limitranges", ("watch", "create")),
    Permission("networking.k8s.io", "NetworkPolicy", "networkpolicies", ("watch", "create")),
    Permission("", "ServiceAccount", "serviceaccounts", ("create",)),
    # What templates render to, and its pruning.
    Permission("apps", "Deployment", "deployments", ("watch", "create", "delete")),
    Permission("", "Service", "services", ("create", "delete")),
    Permission("", "ConfigMap", "configmaps", ("create", "delete")),
    Permission("", "PersistentVolumeClaim", "persistentvolumeclaims", ("create", "delete")),
    Permission("networking.k8s.io", "Ingress", "ingresses", ("create", "delete")),
    # Readiness, logs, teardown.
    Permission("", "Pod", "pods", ("watch", "delete")),
    Permission("", "Pod", "pods/log", ("get",)),
    # The sidecar's program is run through it. By WebSocket it is a get; from Kubernetes 1.35 on a create is asked for besides.
    Permission("", "Pod", "pods/exec", ("get", "create")),
    Permission("apps", "ReplicaSet", "replicasets", ("delete",)),
    Permission("apps", "StatefulSet", "statefulsets", ("delete",)),
    Permission("apps", "DaemonSet", "daemonsets", ("delete",)),
    Permission("batch", "CronJob", "cronjobs", ("delete",)),
    Permission("batch", "Job", "jobs", ("delete",)),
    Permission("", "PersistentVolume", "persistentvolumes", ("list",)),
    # Which port of the forward proxy is whose (environments.egress).
    Permission("", "ConfigMap", "configmaps", ("get",), HOME),
    # One watcher at a time.
    Permission("coordination.k8s.io", "Lease", "leases", ("get", "create", "patch"), HOME),
)
CONTENT = tuple(
    # No Secrets: of what lies in a namespace, nothing is worth every credential of the cluster.
    Permission(group, kind, resource, ("list", "patch"))
    for group, kind, resource in (
        ("", "ConfigMap", "configmaps"),
        ("", "LimitRange", "limitranges"),
        ("", "PersistentVolumeClaim", "persistentvolumeclaims"),
        ("", "Pod", "pods"),
        ("", "PodTemplate", "podtemplates"),
        ("", "ReplicationController", "replicationcontrollers"),
        ("", "ResourceQuota", "resourcequotas"),
        ("", "Service", "services"),
        ("", "ServiceAccount", "serviceaccounts"),
        ("apps", "ControllerRevision", "controllerrevisions"),
        ("apps", "DaemonSet", "daemonsets"),
        ("apps", "Deployment", "deployments"),
        ("apps", "ReplicaSet", "replicasets"),
        ("apps", "StatefulSet", "statefulsets"),
        ("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
        ("batch", "CronJob", "cronjobs"),
        ("batch", "Job", "jobs"),
        (CATALYST, "Environment", "environments"),
        (CATALYST, "Project", "projects"),
        ("networking.k8s.io", "Ingress", "ingresses"),
        ("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
        ("policy", "PodDisruptionBudget", "poddisruptionbudgets"),
        (RBAC, "Role", "roles"),
        (RBAC, "RoleBinding", "rolebindings"),
        ("resource.k8s.io", "ResourceClaim", "resourceclaims"),
        ("resource.k8s.io", "ResourceClaimTemplate", "resourceclaimtemplates"),
        ("storage.k8s.io", "CSIStorageCapacity", "csistoragecapacities"),
    )
)
"""What may lie in an environment namespace of Kubernetes' own kinds: found for pruning; teardown takes finalizers off it.

Changing a role is bounded by Kubernetes itself: nobody gives away rights that they don't have.
"""


def allows(verb: str, group: str, kind: str, namespace: str | None, subresource: str = "") -> bool:
    """Whether the roles let a call through, as the API server's authorizer would say."""
    return any(
        verb in each.verbs
        and (group, kind, subresource) == (each.group, each.kind, each.resource.partition("/")[2])
        and each.namespace in (None, namespace)
        for each in (*NAMED, *CONTENT)
    )


def role_objects() -> list[KubernetesObject]:
    """The cluster role, and a role in each namespace that a permission names."""
    spaces = sorted({each.namespace for each in NAMED if each.namespace is not None})
    return [_role(None), *(_role(namespace) for namespace in spaces)]


def binding_objects(subject: dict[str, str]) -> list[KubernetesObject]:
    """The roles given to a subject: `{"kind": "User", "name": …, "apiGroup": RBAC}` or a service account."""
    return [_binding(role, subject) for role in role_objects()]


def home_object() -> KubernetesObject:
    """The platform's own namespace; it must be there before its role."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}}


def account_object() -> KubernetesObject:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": HOME, "name": ACCOUNT}}


def service_account() -> dict[str, str]:
    """`account_object()` as the subject of a binding."""
    return {"kind": "ServiceAccount", "namespace": HOME, "name": ACCOUNT}


def user(name: str) -> dict[str, str]:
    """Somebody known by a client certificate, as the subject of a binding."""
    return {"kind": "User", "name": name, "apiGroup": RBAC}


def _role(namespace: str | None) -> KubernetesObject:
    mine = [each for each in (*NAMED, *CONTENT) if each.namespace == namespace]
    return _head("ClusterRole" if namespace is None else "Role", namespace) | {"rules": list(_rules(mine))}


def _rules(permissions: Iterable[Permission]) -> Iterator[dict[str, list[str]]]:
    """One rule for each group and set of verbs: fewer, and easier to read."""
    verbs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in permissions:
        verbs[each.group, each.resource].update(each.verbs)
    together: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (group, resource), allowed in sorted(verbs.items()):
        together[group, tuple(sorted(allowed))].append(resource)
    for (group, allowed_verbs), resources in together.items():
        yield {"apiGroups": [group], "resources": resources, "verbs": list(allowed_verbs)}


def _binding(role: KubernetesObject, subject: dict[str, str]) -> KubernetesObject:
    reference = {"apiGroup": RBAC, "kind": role["kind"], "name": NAME}
    head = _head(f"{role['kind']}Binding", role["metadata"].get("namespace"))
    return head | {"roleRef": reference, "subjects": [subject]}


def _head(kind: str, namespace: str | None) -> KubernetesObject:
    metadata = {"name": NAME} if namespace is None else {"namespace": namespace, "name": NAME}
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata}
