"""Whether commits made in an environment may be pushed, and what people are told."""

import pytest

from environments.model import CommitSha, NamespaceName, PullRequest, PullRequestKey, Repository
from environments.pushing import author_of, nothing_to_push, pushed, refusal
from environments.sidecar import Outgoing

SHA, BASE = CommitSha("a" * 40), CommitSha("b" * 40)
OPEN = PullRequest(
    key=PullRequestKey(forge="gitea", repository_id=3, number=7),
    repository=Repository(
        id=3, owner_id=1, owner="ada", name="shop", clone_url="http://f/ada/shop.git", default_branch="main"
    ),
    title="A change",
    author="bob",
    is_open=True,
    is_merged=False,
    is_draft=False,
    head_sha=BASE,
    head_branch="change",
    head_repository_id=3,
    base_branch="main",
)


def test_an_open_pull_request_of_the_project_s_own_repository_is_pushed_to() -> None:
    assert refusal(OPEN) is None


@pytest.mark.parametrize(
    ("update", "words"),
    [
        ({"is_open": False}, "closed"),
        ({"head_repository_id": 4}, "own repository"),
        ({"head_repository_id": None}, "own repository"),
    ],
)
def test_what_else_is_not(update: dict[str, object], words: str) -> None:
    assert words in (refusal(OPEN.model_copy(update=update)) or "")


@pytest.mark.parametrize(
    ("by", "name"),
    [
        ("ada", "ada"),
        ("Ada <ada@example.org>", "Ada ada@example.org"),
        ("a\nb\x00c", "a b c"),
        ("", "Catalyst"),
        ("<>", "Catalyst"),
        ("x" * 200, "x" * 60),
    ],
)
def test_an_author_is_one_that_git_takes(by: str, name: str) -> None:
    assert author_of(by, NamespaceName("ada-shop-pr-7"), "localhost") == f"{name} <ada-shop-pr-7@localhost>"


def test_what_is_told() -> None:
    one = Outgoing(sha=SHA, base=BASE, commits=1)
    assert pushed(one, "change") == "1 commit was pushed to change, which is now at aaaaaaa."
    dirty = one.model_copy(update={"commits": 3, "is_dirty": True})
    assert (
        pushed(dirty, "change")
        == "3 commits were pushed to change, which is now at aaaaaaa. What isn't committed stayed in the environment."
    )
    assert "give a message" in nothing_to_push(dirty)
    assert "nothing to push" in nothing_to_push(one)
