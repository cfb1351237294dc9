"""One emulated GitHub per test, and people's clients of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from github import Auth, Github
from github.Repository import Repository

from emulators.github import GitHubServer, People
from tests.emulators.github import openapi


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHubServer]:
    """With organisation acme, its admin ada, and repository acme/shop whose branch `change` is one commit ahead."""
    with GitHubServer(tmp_path / "github") as running:
        people = running.people
        people.organization("acme", admins=("ada",))
        people.create_repository("acme", "shop")
        people.push("acme", "shop", "change", {"page.html": "new\n"})
        yield running
        check_answers(running)


def check_answers(server: GitHubServer) -> None:
    """Whatever a test asked for, it was answered as GitHub's description says."""
    if os.environ.get("CATALYST_CORPORA"):
        assert [problem for answer in server.github.answers for problem in openapi.problems(answer)] == []


@pytest.fixture
def people(server: GitHubServer) -> People:
    return server.people


@pytest.fixture
def ada(server: GitHubServer) -> Iterator[httpx.Client]:
    """The API as ada calls it."""
    with client(server, server.people.token("ada")) as made:
        yield made


@pytest.fixture
def shop(server: GitHubServer) -> Iterator[Repository]:
    """acme/shop as ada's PyGithub has it."""
    made = pygithub(server, Auth.Token(server.people.token("ada")))
    yield made.get_repo("acme/shop")
    made.close()


def client(server: GitHubServer, token: str | None = None) -> httpx.Client:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=server.api_url, headers=headers, timeout=30)


def pygithub(server: GitHubServer, auth: Auth.Auth | None, base_url: str | None = None) -> Github:
    """As it is, but for its pauses."""
    return Github(
        auth=auth,
        base_url=base_url or server.api_url,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )
