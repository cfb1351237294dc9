"""Who decides what runs, on a real forge: forks, drafts and rules of the base branch, commands in comments (issue 6)."""

import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.world import Platform, Preview, Repository, sample


class People:
    """Of one repository."""

    def __init__(self, repository: Repository) -> None:
        people, self.repository = repository.platform.people, repository
        self.writer, self.stranger = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("ada", "eve"))
        for login in (self.writer, self.stranger):
            people.create_user(login, uuid.uuid4().hex)
        people.add_collaborator(repository.team, repository.name, self.writer)

    def write(self, login: str, preview: Preview, body: str) -> int:
        acting = self.repository.platform.people.acting_as(login)
        return acting.comment(self.repository.team, self.repository.name, preview.number, body)

    def reactions(self, preview: Preview, comment: int) -> set[str]:
        people = self.repository.platform.people
        return set(people.reactions(self.repository.team, self.repository.name, comment))

    def is_done(self, preview: Preview, comment: int) -> None:
        done = {"eyes", "+1"}
        preview.until(lambda: self.reactions(preview, comment) == done, 60, f"comment {comment} is seen and done")


@pytest.fixture
def repository(platform: Platform) -> Iterator[Repository]:
    yield platform.repository()


def from_fork(repository: Repository) -> tuple[Preview, str]:
    """A stranger's pull request, and the owner of the fork."""
    people, owner = repository.platform.people, f"rivals-{uuid.uuid4().hex[:8]}"
    people.create_organisation(owner)
    people.fork(repository.team, repository.name, owner)
    head = people.push(owner, repository.name, "theirs", sample("dockerfile"), "from a fork")
    number = people.open_pull_request(repository.team, repository.name, f"{owner}:theirs")
    return Preview(repository, "theirs", number, head), owner


def test_a_fork_runs_the_approved_commit_and_no_other(repository: Repository) -> None:
    people = People(repository)
    preview, owner = from_fork(repository)
    preview.says(f"/preview approve {preview.head}")
    refused = people.write(people.stranger, preview, f"/preview approve {preview.head}")
    preview.until(lambda: people.reactions(preview, refused) == {"eyes"}, 60, "it is seen")
    assert preview.remains() == []
    people.is_done(preview, people.write(people.writer, preview, f"Looks fine.\n\n/preview approve {preview.head}"))
    preview.becomes("Ready")
    assert "hello from the dockerfile sample" in getattr(preview.fetch(), "text", "")
    changed = {"index.html": "another page\n"}
    preview.head = repository.platform.people.push(owner, repository.name, "theirs", changed, "pushed after that")
    preview.says(f"/preview approve {preview.head}")
    preview.is_removed()
    preview.closed()
    preview.is_gone()


def test_rules_of_the_base_branch_and_a_request(repository: Repository) -> None:
    people = People(repository)
    rules = {".catalyst.yaml": "previews:\n  pullRequests: on-request\n  forbidLabels: [wip]\n"}
    repository.platform.people.push(repository.team, repository.name, "main", rules, "rules")
    preview = repository.opened(sample("dockerfile"))
    preview.says("start on request", "/preview deploy")
    people.is_done(preview, people.write(people.writer, preview, "/preview deploy"))
    preview.becomes("Ready")
    repository.platform.people.label(repository.team, repository.name, preview.number, "wip")
    preview.says("It has the label", "wip")
    preview.is_removed()


def test_stop_start_and_help_in_comments(repository: Repository) -> None:
    people = People(repository)
    preview = repository.opened(sample("dockerfile"))
    preview.becomes("Ready")
    asked = people.write(people.stranger, preview, "/preview help")
    people.is_done(preview, asked)
    said = repository.platform.people.comments(repository.team, repository.name, preview.number)
    assert [True for each in said if "/preview retry" in each["body"]]
    people.is_done(preview, people.write(people.writer, preview, "/preview stop"))
    preview.is_removed()
    people.is_done(preview, people.write(people.writer, preview, "/preview start"))
    preview.becomes("Ready")
