"""The running cluster's set-up: who may do what, and the product's own resource definitions and policies."""

import json
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.local import kubernetes, reviews
from deploy.local.credentials import NODE
from deploy.local.errors import SetupError
from deploy.local.profile import Profile
from deploy.local.run import run
from environments.owner_role import owner_role_object
from environments.permissions import binding_objects, home_object, role_objects, user

PRODUCT = "catalyst"
"""The user of API and worker; the policies of deploy/policies match it."""
DEPLOY = Path(__file__).parents[1]
API_SECONDS = 90
NODE_SECONDS = 120
POD_SECONDS = 120
PLATFORM_NAMESPACES = ("kube-system", "local-path-storage")
READ = ["get", "list", "watch"]
TRAEFIK_RULES = [
    {"apiGroups": [""], "resources": ["services", "secrets", "nodes", "namespaces", "endpoints"], "verbs": READ},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": READ},
    {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses", "ingressclasses"], "verbs": READ},
    {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses/status"], "verbs": ["update"]},
]
NETPOL_RULES = [
    {"apiGroups": [""], "resources": ["pods", "namespaces", "nodes", "services", "endpoints"], "verbs": READ},
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": READ},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": READ},
]


def kubectl_path() -> Path:
    return kubernetes.artifact().folder / "kubectl"


def kubectl(profile: Profile, *words: str | Path, given: str | None = None, user: str = "admin") -> str:
    """Raises SetupError with kubectl's own words."""
    return run(kubectl_path(), f"--kubeconfig={profile.kubeconfig(user)}", *words, given=given)


def wait_for_api(profile: Profile) -> None:
    """Until the API server calls itself ready. Raises SetupError."""
    deadline = time.monotonic() + API_SECONDS
    while True:
        try:
            kubectl(profile, "get", "--raw=/readyz", user="super-admin")
            return
        except SetupError as error:
            if time.monotonic() > deadline:
                log = profile.logs / "kube-apiserver.log"
                raise SetupError(f"The API server isn't ready after {API_SECONDS} s: see {log}. {error}") from error
            time.sleep(0.3)


def authorise(profile: Profile) -> None:
    """Give the users of credentials.py their rights."""
    wanted: list[dict[str, Any]] = [
        _binding("kubeadm:cluster-admins", "cluster-admin", "Group", "kubeadm:cluster-admins"),
        home_object(),
        *role_objects(),
        *binding_objects(user(PRODUCT)),
        owner_role_object(),
        *_role("traefik", TRAEFIK_RULES),
        *_role("netpol", NETPOL_RULES),
    ]
    objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted})
    _apply(profile, "--filename=-", given=objects, user="super-admin")
    # States of an earlier version have it: there the product was an administrator.
    kubectl(profile, "delete", "clusterrolebinding", PRODUCT, "--ignore-not-found", user="super-admin")


def apply_definitions(profile: Profile) -> None:
    """The CRDs of deploy/crds, then the policies of deploy/policies."""
    for folder in (DEPLOY / "crds", DEPLOY / "policies"):
        if any(folder.glob("*.yaml")):
            _apply(profile, f"--filename={folder}")
    if any((DEPLOY / "crds").glob("*.yaml")):
        kubectl(profile, "wait", "--for=condition=Established", f"--filename={DEPLOY / 'crds'}", "--timeout=30s")


def apply_reviews(profile: Profile) -> None:
    """Whoever deletes an Environment is told to the API from now on."""
    _apply(profile, "--filename=-", given=json.dumps(reviews.configuration(profile, PRODUCT)))


def wait_for_node(profile: Profile, started: float) -> None:
    """Until the kubelet that was started at `started` (seconds since the epoch) says Ready.

    The API server still tells what an earlier one said, for up to a minute. Raises SetupError.
    """
    deadline = time.monotonic() + NODE_SECONDS
    while True:
        condition = _ready_condition(profile)
        if condition.get("status") == "True" and _epoch(condition["lastHeartbeatTime"]) >= int(started):
            return
        if time.monotonic() > deadline:
            said = condition.get("message", "it never registered")
            raise SetupError(f"The node isn't Ready after {NODE_SECONDS} s ({said}): see {profile.logs}/kubelet.log.")
        time.sleep(0.5)


def wait_for_pods(profile: Profile, started: float) -> None:
    """Until the platform's own pods are ready with containers of this start.

    Right after a start the API server still shows the pods as they were before. Raises SetupError.
    """
    deadline = time.monotonic() + POD_SECONDS
    while waiting := [
        _name(pod) for pod in _platform_pods(profile) if not (_is_ready(pod) and _is_since(pod, started))
    ]:
        if time.monotonic() > deadline:
            raise SetupError(f"Not ready after {POD_SECONDS} s: {', '.join(waiting)}. Look with `make logs p=kubelet`.")
        time.sleep(0.5)


def unready_pods(profile: Profile) -> list[str]:
    """`namespace/pod: state`, of pods that should be ready and are not."""
    pods = json.loads(kubectl(profile, "get", "pods", "--all-namespaces", "--output=json"))["items"]
    return [
        f"{_name(pod)}: {_state(pod)}"
        for pod in pods
        if pod["status"].get("phase") != "Succeeded" and not _is_ready(pod)
    ]


def node_state(profile: Profile) -> str:
    condition = _ready_condition(profile)
    return "Ready" if condition.get("status") == "True" else f"not ready: {condition.get('message', 'unknown')}"


def _apply(profile: Profile, *words: str, given: str | None = None, user: str = "admin") -> None:
    how = ("apply", "--server-side", "--force-conflicts", "--field-manager=catalyst-platform")
    kubectl(profile, *how, *words, given=given, user=user)


def _ready_condition(profile: Profile) -> dict[str, str]:
    nodes = json.loads(kubectl(profile, "get", "nodes", "--output=json"))["items"]
    conditions: Iterable[dict[str, str]] = (
        condition
        for node in nodes
        if node["metadata"]["name"] == NODE
        for condition in node["status"].get("conditions", [])
    )
    return next((condition for condition in conditions if condition["type"] == "Ready"), {})


def _epoch(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def _platform_pods(profile: Profile) -> list[dict[str, Any]]:
    pods = json.loads(kubectl(profile, "get", "pods", "--all-namespaces", "--output=json"))["items"]
    ours = [pod for pod in pods if pod["metadata"]["namespace"] in PLATFORM_NAMESPACES]
    return [pod for pod in ours if pod["status"].get("phase") != "Succeeded"]


def _is_since(pod: dict[str, Any], started: float) -> bool:
    running = [status["state"].get("running") for status in pod["status"].get("containerStatuses", [])]
    return all(state and _epoch(state["startedAt"]) >= int(started) for state in running)


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _name(pod: dict[str, Any]) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _state(pod: dict[str, Any]) -> str:
    waiting = (status["state"].get("waiting") for status in pod["status"].get("containerStatuses", []))
    return next((str(found["reason"]) for found in waiting if found), str(pod["status"].get("phase")))


def _role(name: str, rules: list[dict[str, list[str]]]) -> list[dict[str, object]]:
    """A cluster role of that name, and its binding to the user of that name."""
    role = {**_head("ClusterRole", f"catalyst:{name}"), "rules": rules}
    return [role, _binding(f"catalyst:{name}", f"catalyst:{name}", "User", name)]


def _binding(name: str, role: str, kind: str, subject: str) -> dict[str, object]:
    group = "rbac.authorization.k8s.io"
    return {
        **_head("ClusterRoleBinding", name),
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": kind, "name": subject}],
    }


def _head(kind: str, name: str) -> dict[str, object]:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}}
