"""What is told about an environment: on the PR, in the API, in the resource's status. One value, many writers."""

from datetime import datetime
from typing import Any

from environments import labels
from environments.model import CommitSha, Condition, EnvironmentKey, KubernetesObject, Phase, Step, Value
from environments.overriding import Overridden

TEARDOWN_BLOCKED = "TeardownBlocked"
"""Reason of a report on a teardown past its deadline; the message says what blocks it."""


class EnvironmentReport(Value):
    """The newest state of one environment, as the environment's workflow knows it."""

    uid: str = ""
    generation: int = 0
    namespace: str = ""
    """The environment namespace."""
    phase: Phase = Phase.PENDING
    url: str | None = None
    """Only once something answers there."""
    sha: CommitSha | None = None
    """The commit that the phase speaks of."""
    deployed_sha: CommitSha | None = None
    """The commit that runs (an older one while a new rollout goes on)."""
    rollout: int = 0
    steps: tuple[Step, ...] = ()
    conditions: tuple[Condition, ...] = ()
    reason: str = ""
    """Machine-readable, CamelCase; empty while all is well."""
    message: str = ""
    """One sentence for people."""
    notes: tuple[str, ...] = ()
    """Of the newest rollout."""
    refused: str = ""
    """Why the last override was refused, a sentence; until another is set."""
    overridden: tuple[Overridden, ...] = ()
    """What people set instead of what was detected, and who."""
    deleted_by: str = ""
    """Who deleted the resource by hand, as Kubernetes calls them; empty: nobody that is known of."""
    failed_log: str | None = None
    """Log id (store.logs) whose tail explains the failure."""
    updated_at: datetime | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences that people should see in whatever phase it is."""
        return (self.refused, *self.notes) if self.refused else self.notes


def status_object(key: EnvironmentKey, report: EnvironmentReport) -> KubernetesObject:
    """What is applied to the resource's status; the uid makes it fail on a later resource of that name."""
    return {
        "apiVersion": labels.API_VERSION,
        "kind": "Environment",
        "metadata": {"namespace": key.namespace, "name": key.name, "uid": report.uid},
        "status": _given(
            {
                "phase": report.phase.value,
                "url": report.url,
                "observedGeneration": report.generation,
                "sha": report.sha,
                "deployedSha": report.deployed_sha,
                "rollout": report.rollout,
                "reason": report.reason,
                "message": report.message,
                "notes": list(report.remarks),
                "steps": [_step(step) for step in report.steps],
                "conditions": [_condition(condition) for condition in report.conditions],
            }
        ),
    }


def conditions_of(report: EnvironmentReport, now: datetime, before: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """`Ready` with the reason why not; its time changes only with its status, as Kubernetes has it."""
    status = "True" if report.phase is Phase.READY else "False"
    old = next((each for each in before if each.type == "Ready"), None)
    is_same = old is not None and old.status == status
    return (
        Condition(
            type="Ready",
            status=status,
            reason=report.reason or report.phase.value,
            message=report.message,
            observed_generation=report.generation,
            last_transition_time=old.last_transition_time if old and is_same else now,
        ),
    )


def _step(step: Step) -> dict[str, Any]:
    times = {"startedAt": _time(step.started_at), "endedAt": _time(step.ended_at)}
    return _given({"name": step.name, "state": step.state.value, "detail": step.detail} | times)


def _condition(condition: Condition) -> dict[str, Any]:
    return _given(
        {
            "type": condition.type,
            "status": condition.status,
            "reason": condition.reason,
            "message": condition.message,
            "observedGeneration": condition.observed_generation,
            "lastTransitionTime": _time(condition.last_transition_time),
        }
    )


def _time(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
