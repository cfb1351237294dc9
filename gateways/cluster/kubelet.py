"""A tiny kubelet (and Deployment controller) for the in-memory cluster: pods appear, and are Ready or waiting."""

import hashlib
import json
from typing import Any, Protocol

from environments.model import KubernetesObject


class Store(Protocol):
    """What it needs of the in-memory cluster."""

    pods_become_ready: bool

    def objects(self, kind: str | None = None, namespace: str | None = None) -> list[KubernetesObject]: ...
    def by_uid(self, uid: str) -> KubernetesObject | None: ...
    def put_pod(self, pod: KubernetesObject) -> None: ...
    def put_status(self, obj: KubernetesObject, status: dict[str, Any]) -> None: ...
    def drop_pod(self, pod: KubernetesObject) -> None: ...


class Kubelet:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: list[str] = []
        """uids of objects to look at, in the order they changed."""

    def notice(self, obj: KubernetesObject) -> bool:
        """Remember to look at it later, as a controller would; True when it is of a kind we care about."""
        is_ours = obj["kind"] in ("Deployment", "Pod") and obj["metadata"]["uid"] not in self._pending
        if is_ours:
            self._pending.append(obj["metadata"]["uid"])
        return is_ours

    def work(self) -> None:
        while self._pending:
            obj = self._store.by_uid(self._pending.pop(0))
            if obj is not None and "deletionTimestamp" not in obj["metadata"]:
                self._run_pod(obj) if obj["kind"] == "Pod" else self._roll_out(obj)

    def _roll_out(self, deployment: KubernetesObject) -> None:
        spec = deployment["spec"]
        replicas = spec.get("replicas", 1)
        wanted = [_pod_of(deployment, number) for number in range(replicas)]
        names = {pod["metadata"]["name"] for pod in wanted}
        mine = _owned(self._store.objects("Pod", deployment["metadata"]["namespace"]), deployment)
        for pod in wanted:
            if pod["metadata"]["name"] not in {old["metadata"]["name"] for old in mine}:
                self._store.put_pod(pod | {"status": self._pod_status(pod)})
        mine = _owned(self._store.objects("Pod", deployment["metadata"]["namespace"]), deployment)
        ready = sum(_is_ready(pod) for pod in mine if pod["metadata"]["name"] in names)
        for pod in mine:
            # A rolling update keeps the old pod until the new one is ready.
            if pod["metadata"]["name"] not in names and ready == replicas:
                self._store.drop_pod(pod)
        self._store.put_status(deployment, _deployment_status(deployment, replicas, ready))

    def _run_pod(self, pod: KubernetesObject) -> None:
        # A pod whose status a test wrote (CrashLoopBackOff, …) keeps it; only what is fresh or waiting is looked at.
        if not pod.get("status") or (self._store.pods_become_ready and _is_creating(pod)):
            self._store.put_status(pod, self._pod_status(pod))
        # Its Deployment counts ready pods anew.
        self._pending += [owner["uid"] for owner in pod["metadata"].get("ownerReferences") or ()]

    def _pod_status(self, pod: KubernetesObject) -> dict[str, Any]:
        ready = self._store.pods_become_ready
        state = {"running": {}} if ready else {"waiting": {"reason": "ContainerCreating"}}
        containers = [
            {"name": c["name"], "ready": ready, "restartCount": 0, "state": state, "image": c.get("image", "")}
            for c in pod.get("spec", {}).get("containers", ())
        ]
        sidecars = [
            {"name": c["name"], "ready": ready, "started": ready, "restartCount": 0, "state": state}
            for c in pod.get("spec", {}).get("initContainers") or ()
            if c.get("restartPolicy") == "Always"
        ]
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        phase = "Running" if ready else "Pending"
        of_containers = {"containerStatuses": containers} | ({"initContainerStatuses": sidecars} if sidecars else {})
        return {"phase": phase, "conditions": [condition], "podIP": "10.0.0.1"} | of_containers


def _pod_of(deployment: KubernetesObject, number: int) -> KubernetesObject:
    metadata, template = deployment["metadata"], deployment["spec"]["template"]
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:8]
    given = template.get("metadata") or {}
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name']}-{digest}-{number}",
            "namespace": metadata["namespace"],
            "labels": dict(given.get("labels") or {}),
            "annotations": dict(given.get("annotations") or {}),
            "ownerReferences": [owner],
        },
        "spec": template.get("spec") or {},
    }


def _deployment_status(deployment: KubernetesObject, replicas: int, ready: int) -> dict[str, Any]:
    available = {"type": "Available", "status": "True" if ready == replicas else "False"}
    return {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": replicas - ready,
        "conditions": [available],
    }


def _owned(pods: list[KubernetesObject], owner: KubernetesObject) -> list[KubernetesObject]:
    uid = owner["metadata"]["uid"]
    return [
        pod
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        and any(reference["uid"] == uid for reference in pod["metadata"].get("ownerReferences") or ())
    ]


def _is_ready(pod: KubernetesObject) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _is_creating(pod: KubernetesObject) -> bool:
    states = [c.get("state", {}) for c in (pod.get("status") or {}).get("containerStatuses") or ()]
    return any(state.get("waiting", {}).get("reason") == "ContainerCreating" for state in states)
