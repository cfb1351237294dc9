"""Histories that were recorded replay with today's code: a change of command order would strand environments in flight.

Recorded anew with `CATALYST_RECORD_HISTORIES=1 pytest tests/workflows`; one that doesn't replay any more needs
workflow.patched(), not a new recording, once the version that made it is in use somewhere.
"""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from worker.assembly import WORKFLOWS

HISTORIES = sorted((Path(__file__).parent / "histories").rglob("*.json"))


def test_every_workflow_was_recorded() -> None:
    recorded = {path.name.partition("-")[0] for path in HISTORIES}
    assert {"PullRequestWorkflow", "EnvironmentWorkflow", "RolloutWorkflow"} <= recorded


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_replays(path: Path) -> None:
    history = WorkflowHistory.from_json("recorded", json.loads(path.read_text()))
    await Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter).replay_workflow(history)
