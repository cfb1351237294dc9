"""Watches every write to the cluster and every verdict for what must never be, at no moment (issue 5)."""

from collections.abc import Callable
from typing import Any

from environments import fencing, labels
from environments.declared import parse_environment
from environments.model import EnvironmentKey, KubernetesObject, NamespaceName, Phase
from environments.work import DeployWork, Verdict
from gateways.cluster.fake import InMemoryCluster


class Witness:
    def __init__(self, cluster: InMemoryCluster) -> None:
        self._cluster = cluster
        self.violations: list[str] = []
        cluster.admission = self._admit

    def watch(self, activity: str, argument: Any) -> Callable[[Any], None]:
        """Called before an activity; the returned function with its result."""
        if activity == "deploy":
            return self._watch_deploy(argument)
        if activity == "wait_ready":
            return lambda verdict: self._see_verdict(argument, verdict)
        return lambda _: None

    def running_images(self, namespace: str) -> set[str]:
        """Of the pods that answer."""
        pods = [pod for pod in self._cluster.objects("Pod", namespace) if _is_ready(pod)]
        return {container["image"] for pod in pods for container in pod["spec"]["containers"]}

    def _admit(
        self, stored: KubernetesObject | None, new: KubernetesObject, home: KubernetesObject | None
    ) -> str | None:
        """As the API server does, by our own policies; what gets through is looked at."""
        refusal = fencing.admission(stored, new, home)
        if refusal is None and stored is None and _is_one_of_a_kind(new):
            self._see_made(new)
        return refusal

    def _see_made(self, new: KubernetesObject) -> None:
        """Never two environments for a pull request; there is only one pull request in this world."""
        others = [each for each in self._cluster.objects(new["kind"]) if _is_one_of_a_kind(each)]
        if others:
            names = [each["metadata"]["name"] for each in others]
            self.violations.append(f"{new['kind']} {new['metadata']['name']} was made while there was {names}")

    def _watch_deploy(self, work: DeployWork) -> Callable[[Any], None]:
        """Never a deploy of a commit that is not the newest wanted: what is wanted stands on the resource."""
        wanted = self._wanted(work.request.key)

        def deployed(_: Any) -> None:
            if wanted != work.request.target.sha:
                self.violations.append(f"{work.request.target.sha[:7]} was deployed, though {wanted} was wanted")

        return deployed

    def _wanted(self, key: EnvironmentKey) -> str | None:
        found = [each for each in self._cluster.objects("Environment", key.namespace)]
        homes = [each for each in self._cluster.objects("Namespace") if each["metadata"]["name"] == key.namespace]
        resource = next((each for each in found if each["metadata"]["name"] == key.name), None)
        return parse_environment(resource, homes[0]).sha if resource and homes else None

    def _see_verdict(self, work: DeployWork, verdict: Verdict) -> None:
        """Ready only when this commit answers, unless a newer rollout has begun: then nobody listens to this one."""
        namespace = work.request.namespace
        if verdict.phase is not Phase.READY or self._fence(namespace) != str(work.request.rollout):
            return
        running = self.running_images(namespace)
        if running != {work.images.image}:
            self.violations.append(f"Ready was said of {work.images.image} while {running} answered")

    def _fence(self, namespace: NamespaceName) -> str:
        homes = [each for each in self._cluster.objects("Namespace") if each["metadata"]["name"] == namespace]
        return str(homes[0]["metadata"]["annotations"][labels.FENCE]) if homes else ""


def _is_one_of_a_kind(obj: KubernetesObject) -> bool:
    own = obj["metadata"].get("labels") or {}
    return obj["kind"] == "Environment" or (
        obj["kind"] == "Namespace" and own.get(labels.NAMESPACE_TYPE) == "environment"
    )


def _is_ready(pod: KubernetesObject) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
