"""An override without a scope is for the project; in a history of a time when it was for the environment it still is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import (
    Interceptor,
    Replayer,
    SignalExternalWorkflowInput,
    StartActivityInput,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle

from environments.model import EnvironmentKey, EnvironmentUid, NamespaceName
from environments.work import OverrideRequest, OverrideWork
from worker.assembly import WORKFLOWS
from workflows.messages import EnvironmentState, PullRequestState

HISTORIES = Path(__file__).parent / "histories"
HANDED_ON: list[OverrideRequest] = []
"""What the workflows of a replay handed to an activity or to each other."""


class Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:
        HANDED_ON.extend(each.request for each in input.args if isinstance(each, OverrideWork))
        return self.next.start_activity(input)

    async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:
        HANDED_ON.extend(each for each in input.args if isinstance(each, OverrideRequest))
        await self.next.signal_external_workflow(input)


class Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(Outbound(outbound))


class Listening(Interceptor):
    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return Inbound


@pytest.fixture
def handed_on() -> Iterator[list[OverrideRequest]]:
    HANDED_ON.clear()
    yield HANDED_ON
    HANDED_ON.clear()


@pytest.mark.parametrize(
    ("history", "count"),
    [
        ("override/EnvironmentWorkflow-0ac8f2", 2),
        ("override/PullRequestWorkflow-c175db", 1),
        ("source-before-the-sidecar/EnvironmentWorkflow-e2d14f", 1),
        ("source-before-the-sidecar/PullRequestWorkflow-a1d6e3", 1),
    ],
)
async def test_what_was_recorded_means_what_it_meant(
    history: str, count: int, handed_on: list[OverrideRequest]
) -> None:
    text = (HISTORIES / f"{history}.json").read_text()
    assert "scope" not in text
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=pydantic_data_converter,
        interceptors=[Listening()],
        # The list is this test's, and a sandbox would have its own.
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    await replayer.replay_workflow(WorkflowHistory.from_json("recorded", json.loads(text)))
    assert [each.scope for each in handed_on] == ["environment"] * count


def test_so_does_what_was_carried_over_or_waits_for_a_worker() -> None:
    recorded = {"by": "ada", "command": "npm start"}
    key = EnvironmentKey(namespace=NamespaceName("ada-shop"), name="pr-7")
    work = OverrideWork.model_validate_json(
        json.dumps({"key": key.model_dump(), "uid": EnvironmentUid("u"), "request": recorded})
    )
    carried = json.dumps({"overrides": [recorded]})
    found = [
        work.request,
        *PullRequestState.model_validate_json(carried).overrides,
        *EnvironmentState.model_validate_json(carried).overrides,
    ]
    assert [each.scope for each in found] == ["environment"] * 3
    said = json.dumps({"overrides": [recorded | {"scope": "project"}]})
    assert [each.scope for each in PullRequestState.model_validate_json(said).overrides] == ["project"]


def test_what_somebody_sends_now_is_for_the_project() -> None:
    assert OverrideRequest.model_validate_json('{"by": "ada", "command": "npm start"}').scope == "project"
