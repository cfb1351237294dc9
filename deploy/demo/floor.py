"""The floor under every figure: plain `kubectl apply` of the very objects that the product applied, until the URL answers.

In a namespace of its own, unknown to the product; its deletion by plain `kubectl delete` is the floor of a teardown.
"""

import json
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from deploy.demo.platform import Json, NotAsExpected, Platform, eventually, host_of
from environments import labels

ANSWER_SECONDS = 180
ASK_MANY_SECONDS = 0.25
"""Between two looks at the URLs of many environments: asking is work for the same two cores."""
PACKING = (
    "cd /code && cat .git/catalyst/wanted.json && echo && git rev-parse HEAD | git pack-objects --revs --stdout -q"
)
"""In a sidecar: the newest delivery's header, then all of its commit."""
KINDS = (
    "resourcequotas,limitranges,networkpolicies,serviceaccounts,configmaps,secrets,persistentvolumeclaims,"
    "services,deployments,ingresses"
)
SERVER_SET = {
    "metadata": ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences"),
    "spec": ("clusterIP", "clusterIPs", "volumeName"),
}
UNWATCHED = {labels.MANAGED_BY: "floor", labels.COMPONENT: "floor"}
"""Or the product would look after these objects as its own."""


class Floor:
    """A throw-away namespace beside one environment's. Methods raise NotAsExpected."""

    def __init__(self, platform: Platform, namespace: str) -> None:
        self._platform, self._model = platform, namespace
        self.namespace = f"floor-{namespace}"[:63].rstrip("-")

    def applied(self, text: str, path: str = "/") -> float:
        """Seconds from `kubectl apply` of what stands in the environment now until that path of its URL answers with that text."""
        objects, delivery = self.objects(), self._delivery()
        began = time.time()
        applying = _apply(self._platform, objects)
        if delivery is not None:
            self._deliver(delivery)
        host = host_of(self.namespace)
        try:
            eventually(
                lambda: text in self._platform.page(host, path),
                ANSWER_SECONDS,
                lambda: f"{host} never answered {text!r}.",
            )
            return time.time() - began
        finally:
            _end(applying)

    def deleted(self) -> float:
        """Seconds that plain `kubectl delete` of the namespace took."""
        began = time.time()
        self._platform.kubectl("delete", "namespace", self.namespace, "--wait=true", "--ignore-not-found")
        return time.time() - began

    def objects(self) -> list[Json]:
        """What stands in the environment now, moved to the floor's own namespace."""
        home = json.loads(self._platform.kubectl("get", "namespace", self._model, "--output=json"))
        selector = f"--selector={labels.UID}"
        found = self._platform.kubectl("get", KINDS, f"--namespace={self._model}", selector, "--output=json")
        objects = [_namespace(home), *(_bare(each) for each in json.loads(found)["items"])]
        moved: list[Json] = self._moved(objects)
        return moved

    def _delivery(self) -> bytes | None:
        """What the environment's sidecar was handed, as its `receive` reads it; None where there is no sidecar."""
        template = self._platform.kubectl("get", "deployment/web", f"--namespace={self._model}", "--output=json")
        if not json.loads(template)["spec"]["template"]["spec"].get("initContainers"):
            return None
        done = subprocess.run(self._in_sidecar(self._model, "sh", "-c", PACKING), capture_output=True, check=True)
        header, _, pack = done.stdout.partition(b"\n")
        return json.dumps(json.loads(header) | {"pack_bytes": len(pack)}).encode() + b"\n" + pack

    def _deliver(self, delivery: bytes) -> None:
        """By plain `kubectl exec`, as soon as there is a sidecar."""
        command = self._in_sidecar(self.namespace, "sidecar", "receive")
        eventually(
            lambda: subprocess.run(command, input=delivery, capture_output=True, check=False).returncode == 0,
            ANSWER_SECONDS,
            lambda: f"the sidecar in {self.namespace} never took the source in.",
        )

    def _in_sidecar(self, namespace: str, *words: str) -> list[str]:
        inside = ("exec", "--stdin", f"--namespace={namespace}", "deployment/web", "--container=sync", "--")
        return list(self._platform.kubectl_command(*inside, *words))

    def _moved(self, value: Any) -> Any:
        """Names and hosts of this namespace, and labels that the product doesn't watch."""
        if isinstance(value, dict):
            return {name: UNWATCHED.get(name, self._moved(item)) for name, item in value.items()}
        if isinstance(value, list):
            return [self._moved(item) for item in value]
        is_name = isinstance(value, str) and not value.startswith(f"{self._platform.local['registry']}/")
        return value.replace(self._model, self.namespace) if is_name else value


def applied_together(platform: Platform, namespaces: Sequence[str], text: str) -> float:
    """Seconds from one `kubectl apply` of what stands in all these environments until the last URL answers with that text.

    Their floors are deleted again. Raises NotAsExpected.
    """
    floors = [Floor(platform, namespace) for namespace in namespaces]
    objects = [each for floor in floors for each in floor.objects()]
    waiting = {host_of(floor.namespace) for floor in floors}
    began = time.time()
    applying = _apply(platform, objects)

    def look() -> bool:
        waiting.difference_update([host for host in waiting if text in platform.page(host)])
        return not waiting

    try:
        eventually(look, ANSWER_SECONDS, lambda: f"{sorted(waiting)} never answered {text!r}.", ASK_MANY_SECONDS)
        return time.time() - began
    finally:
        _end(applying)
        names = [floor.namespace for floor in floors]
        platform.kubectl("delete", "namespace", *names, "--wait=true", "--ignore-not-found")


def remove_leftovers(platform: Platform, prefix: str) -> None:
    """Floors of earlier runs for environments whose namespaces begin so."""
    for line in platform.kubectl("get", "namespaces", "--output=name").split():
        if line.startswith(f"namespace/floor-{prefix}"):
            platform.kubectl("delete", line, "--wait=true", "--ignore-not-found")


def _namespace(home: Json) -> Json:
    """With the level of Pod Security, and without a label that makes it the product's."""
    kept = {name: value for name, value in home["metadata"]["labels"].items() if name.startswith("pod-security.")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": home["metadata"]["name"], "labels": kept}}


def _bare(obj: Json) -> Json:
    """As it was applied: without what the API server and controllers added."""
    bare = {name: value for name, value in obj.items() if name != "status"}
    for part, fields in SERVER_SET.items():
        for field in fields:
            bare.get(part, {}).pop(field, None)
    bare["metadata"].pop("annotations", None)
    return bare


def _apply(platform: Platform, objects: Sequence[Json]) -> "subprocess.Popen[str]":
    command = platform.kubectl_command("apply", "--filename=-")
    applying = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert applying.stdin is not None
    applying.stdin.write(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    applying.stdin.close()
    return applying


def _end(applying: "subprocess.Popen[str]") -> None:
    assert applying.stderr is not None
    said = applying.stderr.read()
    if applying.wait():
        raise NotAsExpected(f"kubectl apply of the floor: {said.strip()[:500]}")
