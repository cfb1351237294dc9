"""decide(): closing beats every rule, then a person's wish, then the rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.model import CommitSha, PullRequest, PullRequestKey, Repository
from environments.policy import Deploy, Refuse, Remove, Wishes, decide

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


def test_a_team_with_a_kept_name_is_refused_with_the_reason() -> None:
    decision = decide(pull_request(owner="kube-system"), Wishes())
    assert isinstance(decision, Refuse)
    assert "kube-system" in decision.message.text
