"""Updates of the signals' names: what people and tools ask, with an answer or a refusal."""

import pytest
from temporalio.client import WorkflowUpdateFailedError

from environments.model import Phase
from environments.work import OverrideRequest, Request
from tests.workflows.world import A, B, World


async def test_a_lost_push_is_made_up_for_by_asking_to_look(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    preview.push_unheard(B)
    answer = await preview.pull_request_workflow.execute_update("new_commit", Request(by="alice"))
    assert answer == "The forge is asked for the newest commit now."
    await preview.becomes(Phase.READY, B)


async def test_an_environment_is_looked_at_when_asked(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    answer = await preview.environment_workflow.execute_update("new_commit", Request(by="alice"))
    assert answer == "The Environment resource is looked at now."


async def test_what_makes_no_sense_is_refused_with_the_reason(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    owner = preview.pull_request_workflow
    with pytest.raises(WorkflowUpdateFailedError) as nothing:
        await preview.environment_workflow.execute_update("override", OverrideRequest(by="alice"))
    assert "Nothing to set" in str(nothing.value.cause)
    await owner.execute_update("close", Request(by="alice"))
    with pytest.raises(WorkflowUpdateFailedError) as again:
        await owner.execute_update("close", Request(by="bob"))
    assert "stopped already, by alice" in str(again.value.cause)
