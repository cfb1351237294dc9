"""How long people wait for a URL: from the webhook that asked for the commit that got it."""

from datetime import UTC, datetime, timedelta

import pytest

from environments.model import CommitSha, Phase
from environments.policy import identity_of
from environments.report import EnvironmentReport
from environments.work import DeclareRequest, Request
from telemetry.measuring import Waiting
from tests.unit.test_policy import pull_request

START = datetime(2026, 1, 1, tzinfo=UTC)
A, B = CommitSha("a" * 40), CommitSha("b" * 40)


def webhook(second: int) -> Request:
    return Request(by="bob", delivery="d", asked_at=START + timedelta(seconds=second))


def declared(sha: CommitSha, retry: int = 0) -> DeclareRequest:
    seen = pull_request(owner="Ada").model_copy(update={"head_sha": sha})
    return DeclareRequest(pull_request=seen, identity=identity_of(seen), retry=retry, not_after="")


def ready(sha: CommitSha, url: str | None = "http://here") -> EnvironmentReport:
    return EnvironmentReport(phase=Phase.READY, sha=sha, deployed_sha=sha, url=url)


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


@pytest.fixture
def waiting() -> Waiting:
    made = Waiting()
    made.ask(webhook(0))
    made.declare(declared(A))
    return made


def test_it_is_measured_once(waiting: Waiting) -> None:
    assert [waiting.ended(ready(A), at(8)), waiting.ended(ready(A), at(9))] == [8, None]


def test_no_other_commit_no_failure_and_no_shell_without_a_url_counts(waiting: Waiting) -> None:
    failed = EnvironmentReport(phase=Phase.FAILED, sha=A, deployed_sha=A, url="http://here")
    assert [waiting.ended(each, at(8)) for each in (ready(B), failed, ready(A, url=None))] == [None, None, None]
    assert waiting.ended(ready(A), at(20)) == 20


def test_a_push_meanwhile_is_measured_from_its_own_webhook(waiting: Waiting) -> None:
    waiting.ask(webhook(5))
    waiting.declare(declared(B))
    assert [waiting.ended(ready(A), at(6)), waiting.ended(ready(B), at(9))] == [None, 4]


def test_a_label_meanwhile_changes_nothing(waiting: Waiting) -> None:
    waiting.ask(Request(by="bob", delivery="label"))
    waiting.declare(declared(A))
    assert waiting.ended(ready(A), at(8)) == 8


def test_what_no_webhook_told_of_is_not_measured_by_an_older_one(waiting: Waiting) -> None:
    waiting.ask(webhook(1))
    waiting.declare(declared(A))  # a redelivery: the same commit
    assert waiting.ended(ready(A), at(8)) == 8
    waiting.declare(declared(B))  # found by Reconcile, an hour later
    assert waiting.ended(ready(B), at(3600)) is None


def test_what_a_person_held_back_is_not_measured_from_its_webhook(waiting: Waiting) -> None:
    waiting.ask(webhook(1))  # a push while it is stopped
    waiting.ask(Request(by="ada"))
    waiting.declare(declared(B, retry=1))
    assert waiting.ended(ready(B), at(3600)) is None


def test_a_retry_by_a_person_is_no_webhook(waiting: Waiting) -> None:
    waiting.declare(declared(A, retry=1))
    assert waiting.ended(ready(A), at(100)) is None
