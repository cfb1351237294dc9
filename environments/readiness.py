"""How a rollout stands, read from its Deployments and pods. Pure: who watches calls it on every change.

Rule 9: ready means that pods of this rollout answer and that those of older ones are out.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import StrEnum

from environments import labels
from environments.containers import REPEATED, Trouble, trouble_of, trouble_of_evicted
from environments.model import KubernetesObject, Phase, Value
from environments.plan import rollout_of

SIDECAR = "sync"
"""The sidecar's container in a development pod (environments.deployment.source)."""
DEADLINE_PASSED = "ProgressDeadlineExceeded"
NOT_ANSWERING = "NotAnswering"
"""Pods are ready and the URL isn't: an ingress that is down, a port where nothing listens."""
AWAY = frozenset({502, 503, 504})
"""What an ingress answers for a service that nothing stands behind (yet)."""


class ReadinessState(StrEnum):
    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"


class Readiness(Value):
    """What stands in the way; all texts empty once it is ready."""

    state: ReadinessState
    reason: str = ""
    """CamelCase, for machines."""
    message: str = ""
    """One sentence: what, where."""
    hint: str = ""
    """One sentence: what to do; empty where nothing is known."""
    pod: str | None = None
    container: str | None = None
    """Whose log explains it."""


class Health(Value):
    """How what was deployed fares in steady state."""

    phase: Phase
    """Ready or Degraded."""
    reason: str = ""
    message: str = ""
    hint: str = ""
    pod: str | None = None
    container: str | None = None


def judge(rollout: int, deployments: Sequence[KubernetesObject], pods: Sequence[KubernetesObject]) -> Readiness:
    """`deployments`: the rollout's own; `pods`: all of the environment namespace, others' pods among them do no harm."""
    own, older = _by_rollout(rollout, pods)
    verdicts = (
        _no_deployment(deployments),
        *(_refused(deployment, rollout) for deployment in deployments),
        _in_trouble(own, is_final=True),
        _thrown_out(rollout, pods),
        *(_gave_up(deployment, rollout) for deployment in deployments),
        _in_trouble(own, is_final=False),
        *(_unfinished(deployment, rollout) for deployment in deployments),
        _not_ready(own, sum(map(_replicas, deployments))),
        _not_out(older),
    )
    return next((verdict for verdict in verdicts if verdict), Readiness(state=ReadinessState.READY))


def living_pod(
    rollout: int, deployments: Sequence[KubernetesObject], pods: Sequence[KubernetesObject]
) -> str | Readiness:
    """Name of the one development pod into which source can be delivered, or what is in its way. How the command in it fares is
    the sidecar's to say (environments.sidecar)."""
    pods = [pod for pod in pods if not _has_ended(pod)]
    own = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    verdicts = (
        _no_deployment(deployments),
        *(_refused(deployment, rollout) for deployment in deployments),
        _in_trouble(own, is_final=True),
        *(_unseen(deployment, rollout) for deployment in deployments),
        _leaving(pods),
        _in_trouble([pod for pod in own if not has_sidecar(pod)], is_final=False),
    )
    found = next((verdict for verdict in verdicts if verdict), None)
    ready = [str(pod["metadata"]["name"]) for pod in own if has_sidecar(pod)]
    return found or (ready[0] if ready else _waiting("Starting", "Its pod is being started."))


def given_up(last: Readiness, after: timedelta) -> Readiness:
    """A rollout that was still waiting when its time was over: failed, for the reason that it waited for."""
    minutes = max(1, round(after.total_seconds() / 60))
    unit = "minute" if minutes == 1 else "minutes"
    text = f"It wasn't ready within {minutes} {unit}: {last.message or 'nothing says why.'}"
    return last.model_copy(
        update={"state": ReadinessState.FAILED, "reason": last.reason or "TimedOut", "message": text}
    )


def not_answering(url: str, status: int | None, port: int) -> str:
    """Sentences for when pods are ready and the URL isn't. `status`: what came last; None: the ingress doesn't know the host."""
    if status is None:
        return f"Its pods are ready, but nothing answers at {url}: does the cluster's ingress run? It is looked at again by itself."
    return (
        f"Its pods are ready, but {url} answers {status}: nothing takes connections on port {port} of the pod. "
        "Let the program listen on 0.0.0.0, or set `port` to the one it listens on. It is looked at again by itself."
    )


def health(rollout: int, deployments: Sequence[KubernetesObject], pods: Sequence[KubernetesObject]) -> Health:
    """Ready while every Deployment has a pod that answers; otherwise Degraded, for the reason that `judge` finds."""
    found = judge(rollout, deployments, pods)
    # A pod that an older rollout left running answers too, with the wrong commit (design: rule 9).
    is_ours = _not_out(_by_rollout(rollout, pods)[1]) is None
    if is_ours and deployments and all(_answers(deployment) for deployment in deployments):
        return Health(phase=Phase.READY)
    reason, text = found.reason or "NotAvailable", found.message or "Nothing of it answers."
    return Health(
        phase=Phase.DEGRADED, reason=reason, message=text, hint=found.hint, pod=found.pod, container=found.container
    )


def _no_deployment(deployments: Sequence[KubernetesObject]) -> Readiness | None:
    return None if deployments else _waiting("NotCreated", "There is no Deployment (any more).")


def _refused(deployment: KubernetesObject, rollout: int) -> Readiness | None:
    """Pods that the API server doesn't let in: quota, pod security."""
    said = _condition(deployment, "ReplicaFailure")
    if said is None or said.get("status") != "True" or not _is_observed(deployment, rollout):
        return None
    text = said.get("message", "")
    if "exceeded quota" in text:
        hint = "Ask for less, or raise the project's quota."
        return _failed(
            "QuotaExceeded", f"The environment's quota has no room for a pod of {_name(deployment)}: {text}", hint
        )
    return _failed("PodRefused", f"The cluster refuses the pods of {_name(deployment)}: {text}")


def _gave_up(deployment: KubernetesObject, rollout: int) -> Readiness | None:
    said = _condition(deployment, "Progressing")
    if said is None or said.get("reason") != DEADLINE_PASSED or not _is_observed(deployment, rollout):
        return None
    return _failed(DEADLINE_PASSED, f"{_name(deployment)} made no progress in its time: {said.get('message', '')}")


def _in_trouble(pods: Iterable[KubernetesObject], *, is_final: bool) -> Readiness | None:
    for pod in pods:
        trouble = trouble_of(pod)
        if trouble is not None and trouble.is_final == is_final:
            return _readiness(trouble, pod)
    return None


def _thrown_out(rollout: int, pods: Iterable[KubernetesObject]) -> Readiness | None:
    """The kubelet's word for what used too much disk; the pod stays as its witness, and another is begun."""
    evicted = [pod for pod in pods if rollout_of(pod) == rollout and trouble_of_evicted(pod)]
    if len(evicted) < REPEATED:
        return None
    newest = max(evicted, key=lambda pod: str((pod.get("status") or {}).get("startTime", "")))
    trouble = trouble_of_evicted(newest)
    assert trouble is not None
    return _readiness(trouble, newest)


def _readiness(trouble: Trouble, pod: KubernetesObject) -> Readiness:
    return Readiness(
        state=ReadinessState.FAILED if trouble.is_final else ReadinessState.WAITING,
        reason=trouble.reason,
        message=trouble.message,
        hint=trouble.hint,
        pod=pod["metadata"]["name"],
        container=trouble.container,
    )


def _unfinished(deployment: KubernetesObject, rollout: int) -> Readiness | None:
    status, wanted = deployment.get("status") or {}, _replicas(deployment)
    if not _is_observed(deployment, rollout):
        return _waiting("NotObserved", f"The cluster has not seen the newest {_name(deployment)} yet.")
    if status.get("updatedReplicas", 0) < wanted:
        return _waiting("Starting", f"{_name(deployment)} has {status.get('updatedReplicas', 0)} of {wanted} new pods.")
    if status.get("availableReplicas", 0) < wanted:
        return _waiting(
            "Starting", f"{status.get('availableReplicas', 0)} of {wanted} pods of {_name(deployment)} answer."
        )
    if status.get("replicas", 0) > status.get("updatedReplicas", 0):
        return _waiting("Replacing", f"Older pods of {_name(deployment)} are still to be replaced.")
    return None


def _unseen(deployment: KubernetesObject, rollout: int) -> Readiness | None:
    if _is_observed(deployment, rollout) and (deployment.get("status") or {}).get("updatedReplicas", 0) > 0:
        return None
    return _waiting("NotObserved", f"The cluster has not seen the newest {_name(deployment)} yet.")


def _leaving(pods: Iterable[KubernetesObject]) -> Readiness | None:
    names = [str(pod["metadata"]["name"]) for pod in pods if "deletionTimestamp" in pod["metadata"]]
    return _waiting("Replacing", f"The pod {names[0]} ends first: both use one volume.") if names else None


def has_sidecar(pod: KubernetesObject) -> bool:
    statuses = (pod.get("status") or {}).get("initContainerStatuses") or ()
    return any(each["name"] == SIDECAR and each.get("started") for each in statuses)


def _not_ready(pods: Sequence[KubernetesObject], wanted: int) -> Readiness | None:
    ready = sum(map(_is_ready, pods))
    return None if ready >= wanted else _waiting("Starting", f"{ready} of {wanted} pods of this commit answer.")


def _not_out(pods: Iterable[KubernetesObject]) -> Readiness | None:
    """A terminating pod may still answer with the old commit, for as long as it counts as ready."""
    for pod in pods:
        if "deletionTimestamp" not in pod["metadata"] or _is_ready(pod):
            name = pod["metadata"]["name"]
            return _waiting("Replacing", f"The pod {name} of an older commit may still answer.")
    return None


def _by_rollout(
    rollout: int, pods: Iterable[KubernetesObject]
) -> tuple[list[KubernetesObject], list[KubernetesObject]]:
    """This rollout's pods that aren't leaving, and those of other rollouts; what has ended is in neither."""
    ours = [pod for pod in pods if labels.ROLLOUT in (pod["metadata"].get("labels") or {}) and not _has_ended(pod)]
    own = [pod for pod in ours if rollout_of(pod) == rollout and "deletionTimestamp" not in pod["metadata"]]
    return own, [pod for pod in ours if rollout_of(pod) != rollout]


def _is_observed(deployment: KubernetesObject, rollout: int) -> bool:
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    return rollout_of(deployment) == rollout and status.get("observedGeneration", 0) >= metadata.get("generation", 0)


def _answers(deployment: KubernetesObject) -> bool:
    available = (deployment.get("status") or {}).get("availableReplicas", 0)
    return bool(available >= min(1, _replicas(deployment)))


def _is_ready(pod: KubernetesObject) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _has_ended(pod: KubernetesObject) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _condition(deployment: KubernetesObject, type_: str) -> dict[str, str] | None:
    conditions = (deployment.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == type_), None)


def _replicas(deployment: KubernetesObject) -> int:
    return int(deployment["spec"].get("replicas", 1))


def _name(deployment: KubernetesObject) -> str:
    return str(deployment["metadata"]["name"])


def _waiting(reason: str, message: str) -> Readiness:
    return Readiness(state=ReadinessState.WAITING, reason=reason, message=message)


def _failed(reason: str, message: str, hint: str = "") -> Readiness:
    return Readiness(state=ReadinessState.FAILED, reason=reason, message=message, hint=hint)
