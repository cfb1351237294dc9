"""What is committed inside a development pod comes to the pull request's branch, and back."""

import pytest

from tests.e2e.machine import CommandFailed
from tests.e2e.world import Platform, Preview, sample

PUSH_SECONDS = 170
"""Above what `git push` in the terminal waits."""


def came_back(preview: Preview, text: str, pods: set[str]) -> None:
    """What was pushed is the branch's head, deployed, in the same pod."""
    people, repository = preview.platform.people, preview.repository
    preview.head = people.head(repository.team, repository.name, preview.branch)
    preview.becomes("Ready")
    preview.answers_only(text)
    assert preview.pod_names() == pods, "a push replaces no pod"


def test_commits_come_out_of_the_pod(platform: Platform) -> None:
    preview = platform.opened(sample("node"))
    preview.becomes("Ready")
    first, pods = preview.head, preview.pod_names()

    preview.runs(
        "cd /code && sed -i 's/hello from/pushed from/' server.js && git commit --quiet --all --message=Terminal"
    )
    said = preview.runs("cd /code && git push 2>&1", seconds=PUSH_SECONDS)
    assert "1 commit was pushed to change" in said
    came_back(preview, "pushed from the node sample", pods)
    assert preview.head != first
    assert "up-to-date" in preview.runs("cd /code && git push 2>&1")

    preview.runs("cd /code && sed -i 's/pushed from/sent from/' server.js && echo new > new.txt")
    assert "1 commit was pushed to change" in preview.asked("push", message="By the API")
    came_back(preview, "sent from the node sample", pods)
    assert preview.runs("cd /code && git show --no-patch --format='%s|%ae'").strip() == (
        f"By the API|{preview.namespace}@localhost"
    )
    assert "There is nothing to push" in preview.asked("push")

    with pytest.raises(CommandFailed, match="git push origin HEAD:change"):
        preview.runs("cd /code && git push origin HEAD:main")
    preview.closed()
    preview.is_gone()


def test_what_doesnt_build_upon_the_branch_is_refused_and_said(platform: Platform) -> None:
    preview = platform.opened(sample("node"))
    preview.becomes("Ready")
    preview.runs("cd /code && git commit --quiet --amend --message='Another past'")
    with pytest.raises(CommandFailed, match="don't build upon change"):
        preview.runs("cd /code && git push --force", seconds=PUSH_SECONDS)
    assert platform.people.head(preview.repository.team, preview.repository.name, "change") == preview.head
    preview.closed()
    preview.is_gone()
