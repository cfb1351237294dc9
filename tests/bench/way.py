"""Where the time of a pull request goes, step by step: from the inbox, Temporal's histories and the kubelet's word about the pod.

Medians over all that were taken. Steps run beside each other, so they don't add up; the kubelet tells whole seconds.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from statistics import median
from typing import NamedTuple

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from deploy.demo.platform import Platform
from deploy.demo.pull_request import PullRequest
from environments import names
from environments.model import EnvironmentKey, PullRequestKey


class Step(NamedTuple):
    name: str
    begin: float
    """Seconds since 1970; in the table after the webhook's arrival."""
    seconds: float


class Ways:
    """Of several changes of one kind."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._taken: dict[str, list[Step]] = defaultdict(list)

    def take(self, change: PullRequest) -> None:
        """Of what was done to it last and has just become Ready."""
        delivery = change.first_delivery()
        if delivery is None:
            return  # the forge's webhook got lost: Reconcile's way is another one
        begin = delivery.received
        steps = [Step("inbox: stored until Temporal took it", begin, (delivery.handed or begin) - begin)]
        for history in asyncio.run(_histories(self._platform, change)):
            steps += _steps(history)
        steps += _pods(self._platform, change)
        first: dict[str, Step] = {}
        for step in sorted(steps, key=lambda each: each.begin):
            # The kubelet tells whole seconds.
            if step.begin >= begin - 1:
                first.setdefault(step.name, step._replace(begin=step.begin - begin))
        for name, step in first.items():
            self._taken[name].append(step)

    def table(self, title: str) -> str:
        """One line per step, in the order of their median beginning; empty when nothing was taken."""
        rows = [
            (median(each.begin for each in steps), median(each.seconds for each in steps), len(steps), name)
            for name, steps in self._taken.items()
        ]
        lines = [f"{begin:9.3f} s {seconds:9.3f} s  {count:4d}  {name}" for begin, seconds, count, name in sorted(rows)]
        return "\n".join([title, "  begins at       takes  runs  step", *lines]) if rows else ""


async def _histories(platform: Platform, change: PullRequest) -> list[WorkflowHistory]:
    client = await Client.connect(platform.local["temporal_address"])
    environment = names.preview_name(change.number)
    key = PullRequestKey(forge="gitea", repository_id=change.repository_id, number=change.number)
    home = EnvironmentKey(namespace=names.project_namespace(change.owner, change.name), name=environment)
    ids = [names.pull_request_workflow_id(key), names.environment_workflow_id(home)]
    query = f"WorkflowType = 'RolloutWorkflow' AND WorkflowId STARTS_WITH 'rollout/{change.namespace}/'"
    ids += [each.id async for each in client.list_workflows(query)]
    return [await client.get_workflow_handle(each).fetch_history() for each in ids]


def _steps(history: WorkflowHistory) -> Iterator[Step]:
    """Activities, and workflow tasks by their number in this history."""
    kind = history.events[0].workflow_execution_started_event_attributes.workflow_type.name
    began: dict[int, Step] = {}
    for event in history.events:
        at = event.event_time.seconds + event.event_time.nanos / 1e9
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            name = event.activity_task_scheduled_event_attributes.activity_type.name
            began[event.event_id] = Step(f"{kind}: activity {name}", at, 0.0)
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
            began[event.event_id] = Step(f"{kind}: workflow task", at, 0.0)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            yield _ended(began[event.activity_task_completed_event_attributes.scheduled_event_id], at)
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            yield _ended(began[event.workflow_task_completed_event_attributes.scheduled_event_id], at)


def _ended(step: Step, at: float) -> Step:
    return step._replace(seconds=at - step.begin)


def _pods(platform: Platform, change: PullRequest) -> Iterator[Step]:
    pods = json.loads(platform.kubectl("get", "pods", f"--namespace={change.namespace}", "--output=json"))["items"]
    for pod in pods:
        made = _moment(pod["metadata"]["creationTimestamp"])
        for condition in pod["status"].get("conditions") or ():
            if condition["status"] == "True":
                yield Step(
                    f"kubelet: pod until {condition['type']}", made, _moment(condition["lastTransitionTime"]) - made
                )
        for status in pod["status"].get("containerStatuses") or ():
            if running := status["state"].get("running"):
                yield Step("kubelet: pod until its container runs", made, _moment(running["startedAt"]) - made)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
