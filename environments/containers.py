"""What is wrong with one pod, from what the kubelet says of its containers. Pure; used by readiness."""

from collections.abc import Iterator
from typing import Any

from environments.model import KubernetesObject, Value

REPEATED = 2
"""Restarts from which on a crash isn't taken for a first stumble (a database that wasn't there yet) any more."""
NO_IMAGE = frozenset({"ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName"})
NO_START = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
OUT_OF_MEMORY = "OOMKilled"
EVICTED = "Evicted"
HINTS = {
    126: "The command is there but can't be executed: check its mode and its first line.",
    127: "The command wasn't found: check its spelling, and that it is installed.",
    0: "The command ended by itself: it must keep running to serve requests.",
}
"""By exit code."""
MEMORY_HINT = "It needed more memory than its limit: raise the limit, or make the command need less."
EVICTED_HINT = "Write less to the container's own disk and to its output; what must stay belongs on a volume."
IMAGE_HINT = "Check the image's name and tag, and that the registry has it."

ContainerStatus = dict[str, Any]


class Trouble(Value):
    reason: str
    message: str
    hint: str = ""
    container: str | None = None
    """None: it is the whole pod's."""
    is_final: bool
    """Waiting longer won't help."""


def trouble_of(pod: KubernetesObject) -> Trouble | None:
    """The worst that is wrong with this pod; None while it starts normally or is ready."""
    found = [trouble for trouble in _troubles(pod) if trouble is not None]
    return next((trouble for trouble in found if trouble.is_final), found[0] if found else None)


def trouble_of_evicted(pod: KubernetesObject) -> Trouble | None:
    """Of a pod that the kubelet threw out, mostly for what it wrote; None for any other."""
    status = pod.get("status") or {}
    if status.get("reason") != EVICTED:
        return None
    text = f"The node threw its pod out again and again: {status.get('message') or 'it said no more.'}"
    return Trouble(reason=EVICTED, message=text.strip(), hint=EVICTED_HINT, is_final=True)


def _troubles(pod: KubernetesObject) -> Iterator[Trouble | None]:
    status = pod.get("status") or {}
    yield _unschedulable(status)
    for container in status.get("initContainerStatuses") or ():
        yield _not_startable(container) or _init_failed(container)
    for container in status.get("containerStatuses") or ():
        if not container.get("ready"):
            yield _not_startable(container) or _crashed(container) or _silent(container, pod)


def _unschedulable(status: dict[str, Any]) -> Trouble | None:
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            text = f"No node has room for its pod: {condition.get('message', 'no explanation')}"
            return Trouble(reason="Unschedulable", message=text, is_final=False)
    return None


def _not_startable(container: ContainerStatus) -> Trouble | None:
    waiting = container.get("state", {}).get("waiting") or {}
    reason, said = waiting.get("reason", ""), waiting.get("message", "")
    if reason in NO_IMAGE:
        text = f"The image {container.get('image', '')} can't be pulled: {said or reason}"
        return _final(container, "ImagePullFailed", text, IMAGE_HINT)
    if reason in NO_START:
        return _final(container, reason, f"The container {container['name']} can't be started: {said or reason}")
    return None


def _init_failed(container: ContainerStatus) -> Trouble | None:
    """Its first failure counts: an installation takes minutes, and a second one would say the same."""
    ended = _last_end(container)
    if ended is None or ended.get("exitCode", 0) == 0:
        return None
    return _final(container, "InitFailed", f"The step {container['name']} failed with {_end(ended)}.", _hint(ended))


def _crashed(container: ContainerStatus) -> Trouble | None:
    ended = _last_end(container)
    is_backing_off = (container.get("state", {}).get("waiting") or {}).get("reason") == "CrashLoopBackOff"
    if ended is None and not is_backing_off:
        return None
    ended, restarts = ended or {}, container.get("restartCount", 0)
    if is_backing_off or restarts >= REPEATED:
        reason = OUT_OF_MEMORY if ended.get("reason") == OUT_OF_MEMORY else "CrashLoop"
        text = f"The container {container['name']} ends again and again, last with {_end(ended)}."
        return _final(container, reason, text, _hint(ended))
    text = f"The container {container['name']} ended with {_end(ended)} and is started again."
    return Trouble(reason="Crashed", message=text, hint=_hint(ended), container=container["name"], is_final=False)


def _silent(container: ContainerStatus, pod: KubernetesObject) -> Trouble | None:
    """Running without being ready: the usual cause is a server that listens on another port, or on localhost only."""
    port = _probed_port(container["name"], pod)
    if "running" not in container.get("state", {}) or port is None:
        return None
    return Trouble(
        reason="NotListening",
        message=f"The container {container['name']} runs, but nothing answers on port {port} yet.",
        hint=f"The server must listen on 0.0.0.0:{port} (the variable PORT says so), not on localhost only.",
        container=container["name"],
        is_final=False,
    )


def _probed_port(name: str, pod: KubernetesObject) -> int | str | None:
    for container in pod.get("spec", {}).get("containers") or ():
        if container["name"] == name:
            probe = container.get("readinessProbe") or {}
            return _number((probe.get("tcpSocket") or probe.get("httpGet") or {}).get("port"), container)
    return None


def _number(port: int | str | None, container: dict[str, Any]) -> int | str | None:
    """Of a port that the probe names by its name."""
    named = {entry.get("name"): entry["containerPort"] for entry in container.get("ports") or ()}
    return named.get(port, port)


def _last_end(container: ContainerStatus) -> dict[str, Any] | None:
    for state in (container.get("state") or {}, container.get("lastState") or {}):
        if ended := state.get("terminated"):
            return dict(ended)
    return None


def _end(ended: dict[str, Any]) -> str:
    if ended.get("reason") == OUT_OF_MEMORY:
        return "no memory left (OOMKilled)"
    code, said = ended.get("exitCode"), ended.get("message", "")
    return f"exit code {'unknown' if code is None else code}" + (f" ({said})" if said else "")


def _hint(ended: dict[str, Any]) -> str:
    return MEMORY_HINT if ended.get("reason") == OUT_OF_MEMORY else HINTS.get(ended.get("exitCode", -1), "")


def _final(container: ContainerStatus, reason: str, message: str, hint: str = "") -> Trouble:
    return Trouble(reason=reason, message=message, hint=hint, container=container["name"], is_final=True)
