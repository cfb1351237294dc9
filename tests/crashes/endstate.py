"""What is there in the end, without what differs from one run to the next: two runs that came to the same end are equal."""

import asyncio
import json
import re
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError

from environments import labels
from environments.model import CommitSha
from tests.crashes.world import MortalWorld
from tests.workflows.world import A, B, Preview

EndState = dict[str, Any]

VOLATILE = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "managedFields", "lastTransitionTime", "startedAt", "endedAt"}
)
TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC|\+00:00)?|\d+(\.\d)? (s|min|h)\b")
POD_NAME = re.compile(r"\bweb-[0-9a-f]{8}-0\b")
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


async def end_state(world: MortalWorld, preview: Preview) -> EndState:
    found = {
        "objects": _objects(world, preview),
        "images": {name: tags for name, tags in world.registry.tags.items() if tags},
        "comment": preview.comment,
        "statuses": {sha: world.forge.statuses.get(CommitSha(sha)) for sha in (A, B)},
        "report": preview.report.model_dump(mode="json", exclude={"uid", "updated_at", "conditions", "steps"}),
        "steps": [(step.name, step.state.value, step.detail) for step in preview.report.steps],
        "workflows": [await _status(each) for each in (preview.pull_request_workflow, preview.environment_workflow)],
    }
    anonymous: EndState = json.loads(_anonymous(json.dumps(found, sort_keys=True, ensure_ascii=False), preview))
    return anonymous


def difference(one: EndState, other: EndState) -> str:
    """For people: the parts that differ."""
    return "\n".join(f"{part}: {one[part]}\n   instead of {other[part]}" for part in one if one[part] != other[part])


def _objects(world: MortalWorld, preview: Preview) -> list[Any]:
    team, project = world.team, preview.environment.namespace
    homes = {team, project, preview.namespace}
    found = [
        each
        for each in world.cluster.objects()
        if each["metadata"].get("namespace") in homes or each["metadata"]["name"] in homes
    ]
    return sorted((_lasting(each) for each in found), key=lambda each: (each["kind"], each["metadata"]["name"]))


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _lasting(v) for k, v in value.items() if k not in VOLATILE and k != labels.DECLARED_AT}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


def _anonymous(text: str, preview: Preview) -> str:
    text = text.replace(preview.world.team, "TEAM").replace(str(preview.repository.id), "REPOSITORY")
    return UID.sub("UID", POD_NAME.sub("POD", TIMES.sub("TIME", text)))


async def _status(handle: WorkflowHandle[Any, Any]) -> str:
    try:
        found = (await handle.describe()).status
    except RPCError:
        return "never started"
    return found.name if found else ""


async def is_quiet(preview: Preview) -> bool:
    """Nobody has anything left to do, but to wait for news or a timer: seen twice, as a signal from one workflow to another
    is in neither for a moment."""
    for _ in range(2):
        if not await _idles(preview.pull_request_workflow) or not await _idles(preview.environment_workflow):
            return False
        if not await _is_told(preview):
            return False
        await asyncio.sleep(0.2)
    return True


async def _is_told(preview: Preview) -> bool:
    """Progress gathers for a few seconds, and only a timer shows it from outside."""
    if await _status(preview.pull_request_workflow) != WorkflowExecutionStatus.RUNNING.name:
        return True
    try:
        return (await preview.snapshot()).is_told
    except (RPCError, WorkflowQueryFailedError):
        return False  # its worker was just killed


async def _idles(handle: WorkflowHandle[Any, Any]) -> bool:
    try:
        described = await handle.describe()
    except RPCError:
        return True  # never started
    if described.status is not WorkflowExecutionStatus.RUNNING:
        return True
    raw = described.raw_description
    return not (raw.pending_activities or raw.pending_children or raw.HasField("pending_workflow_task"))
