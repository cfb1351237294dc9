"""is_awaited(): outcomes, sentences and other commits are told at once, progress may gather."""

import pytest

from environments.model import CommitSha, Message, Phase
from environments.report import EnvironmentReport
from environments.urgency import AWAITED, is_awaited
from environments.work import PullRequestReport
from tests.unit.test_policy import pull_request

A, B = CommitSha("a" * 40), CommitSha("b" * 40)


def told(phase: Phase = Phase.BUILDING, generation: int = 1, message: Message | None = None) -> PullRequestReport:
    report = EnvironmentReport(phase=phase, sha=A, generation=generation)
    return PullRequestReport(pull_request=pull_request(), report=report, message=message)


@pytest.mark.parametrize("phase", Phase)
def test_an_outcome_is_awaited_and_progress_is_not(phase: Phase) -> None:
    assert is_awaited(told(Phase.PENDING, generation=0), told(phase)) is (phase in AWAITED)


def test_every_phase_that_lasts_is_an_outcome() -> None:
    on_the_way = {Phase.PENDING, Phase.QUEUED, Phase.DETECTING, Phase.BUILDING, Phase.DEPLOYING, Phase.DELETING}
    assert set(Phase) - on_the_way == AWAITED


def test_news_of_a_lasting_phase_are_awaited_and_the_same_again_is_none() -> None:
    assert is_awaited(told(Phase.READY, 1), told(Phase.READY, 2))
    assert not is_awaited(told(Phase.READY), told(Phase.READY))


def test_before_the_first_report_progress_may_gather_too() -> None:
    assert not is_awaited(None, told(Phase.PENDING))
    assert is_awaited(None, told(Phase.READY))
    assert is_awaited(None, told(Phase.PENDING, message=Message(reason="Waiting", text="The cluster doesn't answer.")))


def test_another_commit_and_a_sentence_are_awaited_in_any_phase() -> None:
    pushed = told().model_copy(update={"pull_request": pull_request().model_copy(update={"head_sha": B})})
    assert is_awaited(told(), pushed)
    assert is_awaited(told(), told(message=Message(reason="Waiting", text="The cluster doesn't answer.")))
