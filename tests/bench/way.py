"""Where the time of a pull request goes, step by step: from the inbox, Temporal's histories and the kubelet's word about the pod.

Medians over all that were taken. Steps run beside each other, so they don't add up; the kubelet tells whole seconds.
"""

import asyncio
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from deploy.demo.platform import Json, Platform
from deploy.demo.pull_request import PullRequest
from environments import names
from environments.model import EnvironmentKey, PullRequestKey


class Step(NamedTuple):
    name: str
    begin: float
    """Seconds after the webhook's arrival."""
    seconds: float


class Ways:
    """Of several pull requests."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._taken: dict[str, list[Step]] = defaultdict(list)

    def take(self, change: PullRequest) -> None:
        """Of one that has just become Ready for the first time."""
        received, handed = _delivered(self._platform, change.repository_id)
        steps = [Step("inbox: stored until Temporal took it", 0.0, handed - received)]
        for history in asyncio.run(_histories(self._platform, change)):
            steps += [Step(name, begin - received, seconds) for name, begin, seconds in _steps(history)]
        steps += [Step(name, begin - received, seconds) for name, begin, seconds in _pod(self._platform, change)]
        first: dict[str, Step] = {}
        for step in steps:
            first.setdefault(step.name, step)
        for name, step in first.items():
            self._taken[name].append(step)

    def table(self) -> str:
        """One line per step, in the order of their median beginning."""
        rows = [
            (median(each.begin for each in steps), median(each.seconds for each in steps), name)
            for name, steps in self._taken.items()
        ]
        lines = [f"{begin:8.3f} s  {seconds:8.3f} s  {name}" for begin, seconds, name in sorted(rows)]
        return "\n".join([" begins at       takes  step", *lines])


def _delivered(platform: Platform, repository_id: int) -> tuple[float, float]:
    path = str(platform.local["database_url"]).partition(":///")[2]
    query = "select received_at, handed_at, body from deliveries where event = 'pull_request' and state = 'handed'"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as inbox:
        for received, handed, body in inbox.execute(f"{query} order by id desc"):
            if json.loads(body)["repository"]["id"] == repository_id:
                return _seconds(received), _seconds(handed)
    raise LookupError(f"no delivery of repository {repository_id} was handed on")


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


async def _histories(platform: Platform, change: PullRequest) -> list[WorkflowHistory]:
    client = await Client.connect(platform.local["temporal_address"])
    environment = names.preview_name(change.number)
    key = PullRequestKey(forge="gitea", repository_id=change.repository_id, number=change.number)
    home = EnvironmentKey(namespace=names.project_namespace(change.owner, change.name), name=environment)
    ids = [names.pull_request_workflow_id(key), names.environment_workflow_id(home)]
    query = f"WorkflowType = 'RolloutWorkflow' AND WorkflowId STARTS_WITH 'rollout/{change.namespace}/'"
    ids += [each.id async for each in client.list_workflows(query)]
    return [await client.get_workflow_handle(each).fetch_history() for each in ids]


def _steps(history: WorkflowHistory) -> Iterator[tuple[str, float, float]]:
    """Each kind of activity the first time, and the time that workflow tasks took to be worked off, all together."""
    kind = history.events[0].workflow_execution_started_event_attributes.workflow_type.name
    scheduled: dict[int, tuple[str, float]] = {}
    tasks: dict[int, float] = {}
    for event in history.events:
        at = _of(event.event_time)
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            name = event.activity_task_scheduled_event_attributes.activity_type.name
            scheduled[event.event_id] = (f"{kind}: activity {name}", at)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            name, begin = scheduled[event.activity_task_completed_event_attributes.scheduled_event_id]
            yield name, begin, at - begin
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
            tasks[event.event_id] = at
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            begin = tasks[event.workflow_task_completed_event_attributes.scheduled_event_id]
            yield f"{kind}: workflow task {len(tasks)}", begin, at - begin


def _of(moment: Timestamp) -> float:
    return moment.seconds + moment.nanos / 1e9


def _pod(platform: Platform, change: PullRequest) -> Iterator[tuple[str, float, float]]:
    pods = json.loads(platform.kubectl("get", "pods", f"--namespace={change.namespace}", "--output=json"))["items"]
    for pod in pods:
        made = _moment(pod["metadata"]["creationTimestamp"])
        for condition in pod["status"].get("conditions") or ():
            if condition["status"] == "True":
                yield f"kubelet: pod until {condition['type']}", made, _moment(condition["lastTransitionTime"]) - made
        yield from _containers(pod, made)


def _containers(pod: Json, made: float) -> Iterator[tuple[str, float, float]]:
    for status in pod["status"].get("containerStatuses") or ():
        if running := status["state"].get("running"):
            yield "kubelet: pod until its container runs", made, _moment(running["startedAt"]) - made


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
