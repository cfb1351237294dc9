"""decide(): closing beats every rule, then a person's wish, then the rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.model import CommitSha, Message, PullRequest, PullRequestKey, Repository
from environments.policy import Approval, Deploy, Refuse, Remove, Wishes, approval_refusal, decide
from environments.refusals import Refusal

STOPPED = Wishes(stopped_by="alice", stop_reason="too expensive")


def pull_request(
    owner: str = "team",
    is_open: bool = True,
    is_merged: bool = False,
    head_repository_id: int | None = 3,
    number: int = 7,
) -> PullRequest:
    repository = Repository(
        id=3, owner_id=1, owner=owner, name="Shop", clone_url="http://forge/team/shop.git", default_branch="main"
    )
    return PullRequest(
        key=PullRequestKey(forge="gitea", repository_id=3, number=number),
        repository=repository,
        title="A change",
        author="bob",
        is_open=is_open,
        is_merged=is_merged,
        is_draft=False,
        head_sha=CommitSha("a" * 40),
        head_branch="change",
        head_repository_id=head_repository_id,
        base_branch="main",
    )


def test_an_open_pull_request_gets_its_newest_commit() -> None:
    decision = decide(pull_request(), Wishes())
    assert isinstance(decision, Deploy)
    assert decision.sha == "a" * 40
    assert (decision.identity.team, decision.identity.project, decision.identity.environment) == (
        "team",
        "shop",
        "pr-7",
    )


def test_a_pull_request_the_forge_does_not_know_any_more_is_over() -> None:
    assert decide(None, Wishes()) == decide(None, STOPPED)
    assert isinstance(decide(None, Wishes()), Remove)


@given(st.booleans(), st.sampled_from([None, 3, 4]), st.sampled_from(["team", "kube-system"]), st.booleans())
def test_closing_beats_every_rule(merged: bool, head: int | None, owner: str, stopped: bool) -> None:
    closed = pull_request(owner, is_open=False, is_merged=merged, head_repository_id=head)
    decision = decide(closed, STOPPED if stopped else Wishes())
    assert isinstance(decision, Remove)
    assert decision.is_final


def test_what_a_person_stopped_is_removed_but_not_over() -> None:
    decision = decide(pull_request(), STOPPED)
    assert isinstance(decision, Remove)
    assert not decision.is_final
    assert decision.message.text == "Stopped by alice: too expensive. Retry starts it again."


@pytest.mark.parametrize("head", [4, None])
def test_a_fork_is_refused_by_numeric_id_also_when_it_was_deleted(head: int | None) -> None:
    decision = decide(pull_request(head_repository_id=head), Wishes())
    assert isinstance(decision, Refuse)
    assert decision.message.reason == "ForkNotApproved"


FORK = pull_request(head_repository_id=4)


def test_a_fork_runs_at_the_approved_commit_only() -> None:
    approved = Wishes(approved=Approval(sha=FORK.head_sha, by="ada"))
    assert isinstance(decide(FORK, approved), Deploy)
    pushed = FORK.model_copy(update={"head_sha": CommitSha("a" * 39 + "b")})
    refused = decide(pushed, approved)
    assert isinstance(refused, Refuse)
    assert f"`/preview approve {pushed.head_sha}`" in refused.message.text


@pytest.mark.parametrize(
    ("seen", "sha", "said"),
    [
        (FORK, FORK.head_sha, None),
        (FORK, "a" * 12, "whole SHA"),
        (FORK, "A" * 40, "whole SHA"),
        (FORK, None, "whole SHA"),
        (FORK, "b" * 40, FORK.head_sha),
        (FORK.model_copy(update={"is_open": False}), FORK.head_sha, "isn't open"),
        (None, FORK.head_sha, "isn't open"),
        (pull_request(), FORK.head_sha, "no approval"),
    ],
)
def test_what_can_be_approved(seen: PullRequest | None, sha: str | None, said: str | None) -> None:
    why = approval_refusal(seen, sha)
    assert why is None if said is None else said in (why or "")


def refused(yields: bool) -> Refusal:
    return Refusal(message=Message(reason="Draft", text="It is a draft."), yields=yields)


def test_the_rules_no_is_said_and_a_request_lifts_what_yields() -> None:
    asked = Wishes(requested_by="ada")
    for wishes, refusal in ((Wishes(), refused(yields=True)), (asked, refused(yields=False))):
        assert decide(pull_request(), wishes, refusal) == Refuse(message=refusal.message)
    assert isinstance(decide(pull_request(), asked, refused(yields=True)), Deploy)
    assert isinstance(decide(pull_request(), asked.lifted(), refused(yields=True)), Deploy)


def test_a_request_approves_no_fork_and_an_approval_is_a_request() -> None:
    asked = Wishes(requested_by="ada")
    found = decide(FORK, asked, refused(yields=True))
    assert isinstance(found, Refuse) and found.message.reason == "ForkNotApproved"
    approved = Wishes(approved=Approval(sha=FORK.head_sha, by="ada"))
    assert isinstance(decide(FORK, approved, refused(yields=True)), Deploy)
    assert isinstance(decide(FORK, approved, refused(yields=False)), Refuse)


@given(st.booleans(), st.booleans())
def test_closing_and_a_stop_beat_the_rules(yields: bool, is_open: bool) -> None:
    decision = decide(pull_request(is_open=is_open), STOPPED, refused(yields))
    assert isinstance(decision, Remove) and decision.is_final is not is_open


def test_a_team_with_a_kept_name_is_refused_with_the_reason() -> None:
    decision = decide(pull_request(owner="kube-system"), Wishes())
    assert isinstance(decision, Refuse)
    assert "kube-system" in decision.message.text
