"""judge(): ready means this commit's pods and no others; every failure says why and what to do."""

from datetime import timedelta
from typing import Any

import pytest

from environments import labels
from environments.model import KubernetesObject, Phase
from environments.readiness import Readiness, ReadinessState, given_up, health, judge

READY = {"type": "Ready", "status": "True"}
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def deployment(rollout: int = 2, *, replicas: int = 1, **status: Any) -> KubernetesObject:
    settled = {
        "observedGeneration": 2,
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": 2, "labels": {labels.ROLLOUT: str(rollout)}},
        "spec": {"replicas": replicas},
        "status": settled | status,
    }


def pod(rollout: int | None = 2, name: str = "web-1", *, leaving: bool = False, **status: Any) -> KubernetesObject:
    own = {} if rollout is None else {labels.ROLLOUT: str(rollout)}
    ready = {"phase": "Running", "conditions": [READY], "containerStatuses": [container(ready=True)]}
    probe = {"tcpSocket": {"port": "http"}}
    ports = [{"name": "http", "containerPort": 3000}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": own} | ({"deletionTimestamp": "now"} if leaving else {}),
        "spec": {"containers": [{"name": "app", "readinessProbe": probe, "ports": ports}]},
        "status": ready | status,
    }


def container(state: dict[str, Any] = RUNNING, *, name: str = "app", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "shop:1", "ready": False, "restartCount": 0, "state": state} | fields


def evicted(name: str, rollout: int = 2) -> KubernetesObject:
    text = "Pod ephemeral local storage usage exceeds the total limit of containers 2Gi. "
    begun = {"first": "2026-01-01T00:00:00Z", "second": "2026-01-01T00:01:00Z"}[name]
    return pod(rollout, name, phase="Failed", reason="Evicted", message=text, startTime=begun, containerStatuses=[])


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason}}


def stuck(*statuses: dict[str, Any], init: tuple[dict[str, Any], ...] = ()) -> KubernetesObject:
    return pod(
        phase="Pending",
        conditions=[{"type": "Ready", "status": "False"}],
        containerStatuses=list(statuses),
        initContainerStatuses=list(init),
    )


def judged(*pods: KubernetesObject, of: KubernetesObject | None = None) -> Readiness:
    return judge(2, [of or deployment(availableReplicas=0)], pods)


def failure_of(*pods: KubernetesObject, of: KubernetesObject | None = None) -> Readiness:
    found = judged(*pods, of=of)
    assert found.state == "failed", found
    return found


def wait_of(*pods: KubernetesObject, of: KubernetesObject | None = None) -> Readiness:
    found = judged(*pods, of=of)
    assert found.state == "waiting" and found.message, found
    return found


class TestReady:
    def test_ready_when_this_commits_pods_answer_and_no_others_are_left(self) -> None:
        assert judge(2, [deployment()], [pod()]) == Readiness(state=ReadinessState.READY)

    def test_what_sleeps_has_no_pods_and_is_ready(self) -> None:
        assert judge(2, [deployment(replicas=0)], []).state == "ready"

    def test_others_pods_and_ended_ones_do_no_harm(self) -> None:
        others = [pod(None, "somebodys"), pod(1, "evicted", phase="Failed"), pod(2, "done", phase="Succeeded")]
        assert judge(2, [deployment()], [pod(), *others]).state == "ready"

    def test_a_pod_thrown_out_once_is_begun_anew(self) -> None:
        assert wait_of(evicted("first")).reason == "Starting"

    def test_pods_thrown_out_again_and_again_say_for_what(self) -> None:
        found = failure_of(evicted("first"), evicted("second"))
        assert found.reason == "Evicted" and "exceeds the total limit of containers 2Gi" in found.message
        assert found.hint and found.pod == "second"
        assert wait_of(evicted("first", 1), evicted("second", 1)).reason == "Starting", (
            "an older rollout's are none of ours"
        )

    def test_an_older_pod_that_is_leaving_is_out_once_it_is_not_ready_any_more(self) -> None:
        old = pod(1, "old", leaving=True)
        assert "old" in wait_of(pod(), old, of=deployment()).message
        silent = pod(1, "old", leaving=True, conditions=[{"type": "Ready", "status": "False"}])
        assert judge(2, [deployment()], [pod(), silent]).state == "ready"

    def test_an_older_pod_that_is_not_leaving_is_not_out_though_not_ready(self) -> None:
        starting = pod(1, "old", conditions=[])
        assert wait_of(pod(), starting, of=deployment()).reason == "Replacing"


class TestWaiting:
    @pytest.mark.parametrize(
        "of",
        [
            deployment(observedGeneration=1),
            deployment(rollout=1),
            deployment(updatedReplicas=0),
            deployment(availableReplicas=0),
            deployment(replicas=1) | {"status": {}},
        ],
    )
    def test_a_deployment_that_is_not_there_yet(self, of: KubernetesObject) -> None:
        wait_of(pod(), of=of)

    def test_pods_of_another_commit_do_not_count(self) -> None:
        wait_of(pod(1), of=deployment())
        wait_of(of=deployment())

    def test_no_deployment_is_not_ready(self) -> None:
        assert judge(2, [], []).reason == "NotCreated"

    def test_a_pod_without_room_waits_with_the_reason(self) -> None:
        unschedulable = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient cpu."}
        found = wait_of(pod(phase="Pending", conditions=[unschedulable], containerStatuses=[]))
        assert found.reason == "Unschedulable" and "Insufficient cpu" in found.message

    def test_a_first_crash_is_no_failure_yet(self) -> None:
        found = wait_of(stuck(container(ended(1))))
        assert (found.reason, found.pod, found.container) == ("Crashed", "web-1", "app")
        wait_of(stuck(container(RUNNING, restartCount=1, lastState=ended(1))))

    def test_a_server_on_the_wrong_port_is_told_which_one(self) -> None:
        found = wait_of(stuck(container()))
        assert found.reason == "NotListening" and "port 3000" in found.message and "0.0.0.0:3000" in found.hint

    def test_waiting_too_long_is_a_failure_that_says_for_what(self) -> None:
        found = given_up(wait_of(stuck(container())), timedelta(minutes=5))
        assert (found.state, found.reason, found.container) == ("failed", "NotListening", "app")
        assert found.message.startswith("It wasn't ready within 5 minutes: The container app runs")
        assert "1 minute:" in given_up(found, timedelta(seconds=20)).message


class TestFailed:
    @pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName"])
    def test_an_image_that_is_not_there_is_named(self, reason: str) -> None:
        found = failure_of(stuck(container(waiting(reason, "not found"))))
        assert found.reason == "ImagePullFailed" and "shop:1" in found.message and "not found" in found.message

    def test_a_container_that_cannot_be_made(self) -> None:
        found = failure_of(stuck(container(waiting("CreateContainerConfigError", 'secret "x" not found'))))
        assert found.reason == "CreateContainerConfigError" and 'secret "x" not found' in found.message

    def test_a_crash_loop_says_how_it_ended(self) -> None:
        found = failure_of(stuck(container(waiting("CrashLoopBackOff"), restartCount=1, lastState=ended(127))))
        assert found.reason == "CrashLoop" and "exit code 127" in found.message and "wasn't found" in found.hint
        assert (found.pod, found.container) == ("web-1", "app")

    def test_repeated_crashes_are_a_loop_while_it_runs_again(self) -> None:
        assert failure_of(stuck(container(RUNNING, restartCount=2, lastState=ended(1)))).reason == "CrashLoop"

    def test_a_crash_loop_without_a_known_end(self) -> None:
        assert "exit code unknown" in failure_of(stuck(container(waiting("CrashLoopBackOff")))).message

    def test_too_little_memory_is_said(self) -> None:
        found = failure_of(stuck(container(waiting("CrashLoopBackOff"), lastState=ended(137, "OOMKilled"))))
        assert found.reason == "OOMKilled" and "memory" in found.message and "raise the limit" in found.hint

    def test_a_failed_installation_is_final_at_once(self) -> None:
        install = container(ended(1), name="install")
        app = container(waiting("PodInitializing"))
        found = failure_of(stuck(app, init=(container(ended(0, "Completed"), name="source"), install)))
        assert (found.reason, found.container) == ("InitFailed", "install")

    def test_a_quota_without_room(self) -> None:
        condition = {
            "type": "ReplicaFailure",
            "status": "True",
            "message": 'pods "web" is forbidden: exceeded quota: q',
        }
        found = failure_of(of=deployment(conditions=[condition], updatedReplicas=0))
        assert found.reason == "QuotaExceeded" and "exceeded quota: q" in found.message and found.hint

    def test_pods_that_the_cluster_refuses(self) -> None:
        condition = {"type": "ReplicaFailure", "status": "True", "message": "violates PodSecurity"}
        assert failure_of(of=deployment(conditions=[condition])).reason == "PodRefused"

    def test_no_progress_within_kubernetes_own_deadline(self) -> None:
        condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "late"}
        assert failure_of(of=deployment(conditions=[condition])).reason == "ProgressDeadlineExceeded"

    def test_a_container_that_crashes_says_more_than_the_deadline(self) -> None:
        condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        crash = stuck(container(waiting("CrashLoopBackOff"), lastState=ended(1)))
        assert failure_of(crash, of=deployment(conditions=[condition])).reason == "CrashLoop"

    def test_what_an_older_deployment_said_is_not_this_ones(self) -> None:
        condition = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
        wait_of(of=deployment(rollout=1, conditions=[condition]))
        wait_of(of=deployment(observedGeneration=1, conditions=[condition]))

    def test_troubles_of_older_and_leaving_pods_do_not_count(self) -> None:
        crash = {"containerStatuses": [container(waiting("CrashLoopBackOff"))], "conditions": []}
        assert judge(2, [deployment()], [pod(), pod(1, "old", leaving=True, **crash)]).state == "ready"


class TestHealth:
    def test_what_answers_is_ready_whatever_happened_before(self) -> None:
        restarted = pod(containerStatuses=[container(ready=True, restartCount=5, lastState=ended(1))])
        assert health(2, [deployment()], [restarted]).phase is Phase.READY

    def test_what_does_not_answer_is_degraded_with_the_reason(self) -> None:
        crash = stuck(container(waiting("CrashLoopBackOff"), lastState=ended(1)))
        found = health(2, [deployment(availableReplicas=0)], [crash])
        assert (found.phase, found.reason, found.container) == (Phase.DEGRADED, "CrashLoop", "app")

    def test_an_older_commits_pod_that_still_answers_makes_nothing_ready(self) -> None:
        """The old pod stays until a new one answers: a push whose command fails would be called Ready otherwise (rule 9)."""
        crash = stuck(container(waiting("CrashLoopBackOff"), lastState=ended(1)))
        found = health(2, [deployment(availableReplicas=1)], [crash, pod(1, "old")])
        assert (found.phase, found.reason) == (Phase.DEGRADED, "CrashLoop")

    def test_a_deployment_that_somebody_deleted_is_degraded(self) -> None:
        found = health(2, [], [])
        assert (found.phase, found.reason) == (Phase.DEGRADED, "NotCreated")
        assert found.message
