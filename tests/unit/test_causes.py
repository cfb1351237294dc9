"""Whose trace a workflow works in: whoever asked last, not whoever only had news, and not for ever."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from opentelemetry.trace import INVALID_SPAN, Span

from environments import labels
from environments.model import CommitSha, EnvironmentIdentity, EnvironmentKey, EnvironmentUid, NamespaceName, Phase
from environments.report import EnvironmentReport
from environments.work import EnvironmentChanged, Request, RolloutProgress, RolloutRequest, Target
from telemetry import causes
from telemetry.causes import AFTERWARDS, LONGEST, Cause, span_in

KEY = EnvironmentKey(namespace=NamespaceName("ada-shop"), name="pr-7")


def span(number: int) -> Span:
    return span_in({"traceparent": f"00-{number:032x}-{number:016x}-01"})


OPENED, PUSHED = span(1), span(2)
PUSH = Request(by="bob", delivery="d", asked_at=datetime.now(UTC))
HINT = Request(by="bob", delivery="d")
STOP = Request(by="ada")


def changed(phase: Phase) -> EnvironmentChanged:
    return EnvironmentChanged(key=KEY, report=EnvironmentReport(phase=phase))


@dataclass
class Clock:
    """Of the workflow that calls."""

    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    parent: str | None = None

    def now(self) -> datetime:
        return self.at

    def info(self) -> SimpleNamespace:
        return SimpleNamespace(parent=self.parent)

    def passes(self, time: timedelta) -> None:
        self.at += time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(causes, "workflow", made)
    return made


@pytest.fixture
def cause(clock: Clock) -> Cause:
    made = Cause()
    made.begin(OPENED)
    return made


def test_whoever_asks_last_is_the_cause(cause: Cause) -> None:
    assert cause.of(None) is OPENED
    for name, request in (("new_commit", PUSH), ("close", HINT), ("retry", STOP), ("look", None)):
        cause.hear(PUSHED, name, request)
        assert cause.of(None) is PUSHED
        cause.hear(OPENED, "look", PUSH)


def test_who_starts_it_does_not_undo_a_signal_that_was_faster(clock: Clock) -> None:
    cause = Cause()
    cause.hear(PUSHED, "new_commit", PUSH)
    cause.begin(OPENED)
    assert cause.of(None) is PUSHED


def test_what_comes_without_a_trace_changes_nothing(cause: Cause) -> None:
    cause.hear(INVALID_SPAN, "new_commit", PUSH)
    assert cause.of(None) is OPENED


def test_a_label_takes_nothing_over_while_something_is_under_way(cause: Cause, clock: Clock) -> None:
    cause.hear(PUSHED, "look", HINT)
    assert cause.of(None) is OPENED
    clock.passes(LONGEST + timedelta(seconds=1))
    cause.hear(PUSHED, "look", HINT)
    assert cause.of(None) is PUSHED


def test_news_of_the_older_commit_are_told_in_their_own_trace_and_draw_nothing_into_it(cause: Cause) -> None:
    cause.hear(PUSHED, "new_commit", PUSH)
    for news in (changed(Phase.BUILDING), RolloutProgress(rollout=1, phase=Phase.BUILDING)):
        cause.hear(OPENED, "news", news)
        assert cause.of(None) is PUSHED
        assert cause.of(news) is OPENED


def rollout(number: int, traceparent: str | None = None) -> RolloutRequest:
    identity = EnvironmentIdentity(team="ada", project="shop", environment="pr-7")
    target = Target(sha=CommitSha("a" * 40), branch="change", retry=0, settings="")
    here, uid = NamespaceName("ada-shop-pr-7"), EnvironmentUid("1")
    return RolloutRequest(
        key=KEY,
        identity=identity,
        namespace=here,
        uid=uid,
        rollout=number,
        target=target,
        traceparent=traceparent,
    )


def test_a_rollout_has_the_cause_that_it_names_else_the_latest_one(cause: Cause, clock: Clock) -> None:
    named = cause.begin_child(rollout(1, f"00-{2:032x}-{2:016x}-01"))
    assert named.get_span_context().trace_id == 2
    cause.hear(OPENED, "progress", RolloutProgress(rollout=1, phase=Phase.BUILDING))
    cause.note_told(changed(Phase.FAILED))
    clock.passes(2 * AFTERWARDS)
    assert (cause.of(None), cause.begin_child(rollout(2))) == (INVALID_SPAN, OPENED), "tried again by itself"
    clock.passes(LONGEST)
    assert cause.begin_child(rollout(3)) is INVALID_SPAN, "it may be tried for weeks"


def test_what_is_told_once_a_rollout_began_is_of_its_trace(cause: Cause) -> None:
    cause.hear(OPENED, "progress", RolloutProgress(rollout=1, phase=Phase.BUILDING))
    begun = cause.begin_child(rollout(2, f"00-{2:032x}-{2:016x}-01"))
    assert cause.of(changed(Phase.PENDING)) is begun
    cause.hear(OPENED, "progress", RolloutProgress(rollout=1, phase=Phase.BUILDING))
    assert cause.of(changed(Phase.PENDING)) is begun, "the one before says its last words"


def test_the_end_of_the_older_commit_is_not_that_of_the_newer(cause: Cause, clock: Clock) -> None:
    cause.hear(PUSHED, "new_commit", PUSH)
    cause.hear(OPENED, "environment_changed", changed(Phase.READY))
    cause.note_told(changed(Phase.READY))
    clock.passes(2 * AFTERWARDS)
    assert cause.of(None) is PUSHED


@pytest.mark.parametrize("phase", [Phase.READY, Phase.DEGRADED, Phase.FAILED, Phase.DELETED])
def test_it_is_over_a_minute_after_its_end_was_told(cause: Cause, clock: Clock, phase: Phase) -> None:
    cause.hear(OPENED, "environment_changed", changed(phase))
    cause.note_told(changed(phase))
    assert cause.of(None) is OPENED
    clock.passes(AFTERWARDS + timedelta(seconds=1))
    assert cause.of(None) is INVALID_SPAN
    assert cause.of(changed(phase)) is INVALID_SPAN


def test_progress_is_no_end(cause: Cause, clock: Clock) -> None:
    cause.note_told(changed(Phase.BUILDING))
    clock.passes(LONGEST)
    assert cause.of(None) is OPENED


def test_without_an_end_it_is_over_after_an_hour(cause: Cause, clock: Clock) -> None:
    clock.passes(LONGEST + timedelta(seconds=1))
    assert cause.of(None) is INVALID_SPAN


def test_a_child_does_what_its_parent_asked_however_long_it_takes(cause: Cause, clock: Clock) -> None:
    clock.parent = "environment/ada-shop/pr-7"
    clock.passes(3 * LONGEST)
    assert cause.of(None) is OPENED


GOOD = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (GOOD, GOOD),
        (GOOD.upper(), None),
        (GOOD + "\n", None),
        (GOOD.replace("00-", "ff-", 1), None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01", None),
        ("", None),
        (None, None),
        (["x"], None),
        (GOOD * 1000, None),
    ],
)
def test_an_annotation_is_taken_only_as_what_it_is(text: object, found: str | None) -> None:
    assert labels.parse_traceparent(text) == found
