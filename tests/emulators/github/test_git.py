"""git itself, unmodified, against the emulator."""

import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from emulators.github import GitHubServer, People
from tests.gateways.git_server import commit, git


def address(server: GitHubServer, name: str, token: str | None = None) -> str:
    who = "" if token is None else f"x-access-token:{token}@"
    return server.url.replace("://", f"://{who}") + f"/{name}"


def refused(folder: Path, *arguments: str) -> str:
    """What git says when it fails."""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        git(folder, *arguments)
    return str(failed.value.stderr.decode())


def test_a_push_moves_the_pull_request_and_its_refs(server: GitHubServer, people: People, tmp_path: Path) -> None:
    number = people.open_pull_request("acme", "shop", "change")
    git(
        tmp_path,
        "clone",
        "--quiet",
        "--branch",
        "change",
        address(server, "acme/shop.git", people.token("ada")),
        "here",
    )
    sha = commit(tmp_path / "here", {"page.html": "pushed"})
    git(tmp_path / "here", "push", "--quiet", "origin", "change")
    assert people.pull("acme", "shop", number).head_sha == sha
    git(tmp_path / "here", "fetch", "--quiet", "origin", f"refs/pull/{number}/head", f"refs/pull/{number}/merge")
    told = git(tmp_path / "here", "ls-remote", "origin", f"refs/pull/{number}/head")
    assert told.split() == [sha, f"refs/pull/{number}/head"]
    pushes = [records for event, _, records in server.github.events if event == "push"]
    assert (pushes[-1]["after"], pushes[-1]["sender"].login) == (sha, "ada")


def test_a_large_push_arrives_whole(server: GitHubServer, people: People, tmp_path: Path) -> None:
    here = tmp_path / "here"
    git(tmp_path, "clone", "--quiet", address(server, "acme/shop.git", people.token("ada")), "here")
    (here / "large").write_bytes(random.Random(7).randbytes(8 * 1024 * 1024))
    sha = commit(here, {"small": "x"})
    git(here, "push", "--quiet", "origin", "main")
    git(tmp_path, "clone", "--quiet", address(server, "acme/shop.git"), "again")
    assert git(tmp_path / "again", "rev-parse", "HEAD") == sha
    assert (tmp_path / "again" / "large").read_bytes() == (here / "large").read_bytes()


def test_pushes_at_once_all_arrive(server: GitHubServer, people: People, tmp_path: Path) -> None:
    url = address(server, "acme/shop.git", people.token("ada"))

    def push(name: str) -> str:
        git(tmp_path, "clone", "--quiet", url, name)
        sha = commit(tmp_path / name, {name: name})
        git(tmp_path / name, "push", "--quiet", "origin", f"HEAD:refs/heads/{name}")
        return sha

    names = ["a", "b", "c", "d"]
    with ThreadPoolExecutor(4) as pool:
        shas = list(pool.map(push, names))
    assert [people.repository("acme", "shop").refs[f"refs/heads/{name}"] for name in names] == shas
    pushes = [records["after"] for event, _, records in server.github.events if event == "push"]
    assert sorted(pushes[-4:]) == sorted(shas)


def test_a_commit_is_fetched_by_its_sha(server: GitHubServer, people: People, tmp_path: Path) -> None:
    sha = people.push("acme", "shop", "change", {"page.html": "one"})
    people.push("acme", "shop", "change", {"page.html": "two"})
    git(tmp_path, "init", "--quiet", "here")
    git(tmp_path / "here", "fetch", "--quiet", "--depth=1", address(server, "acme/shop"), sha)
    assert git(tmp_path / "here", "show", "FETCH_HEAD:page.html") == "one"


def test_nobody_pushes_to_the_refs_of_pull_requests(server: GitHubServer, people: People, tmp_path: Path) -> None:
    number = people.open_pull_request("acme", "shop", "change")
    git(tmp_path, "clone", "--quiet", address(server, "acme/shop", people.token("ada")), "here")
    assert "hidden ref" in refused(tmp_path / "here", "push", "origin", f"main:refs/pull/{number}/head")


def test_an_old_name_is_cloned_and_pushed_to(server: GitHubServer, people: People, tmp_path: Path) -> None:
    people.rename_repository("acme", "shop", "store")
    git(tmp_path, "clone", "--quiet", address(server, "acme/shop.git", people.token("ada")), "here")
    sha = commit(tmp_path / "here", {"page.html": "pushed"})
    git(tmp_path / "here", "push", "--quiet", "origin", "main")
    assert people.repository("acme", "store").refs["refs/heads/main"] == sha


def test_a_private_repository_is_cloned_by_who_may_see_it(server: GitHubServer, people: People, tmp_path: Path) -> None:
    people.create_repository("acme", "secret", private=True, files={"a": "b"})
    git(tmp_path, "clone", "--quiet", address(server, "acme/secret", people.token("ada")), "here")
    assert (tmp_path / "here" / "a").read_text() == "b"
    asked = httpx.get(f"{server.url}/acme/secret/info/refs?service=git-upload-pack")
    assert (asked.status_code, asked.headers["WWW-Authenticate"]) == (401, 'Basic realm="GitHub"')
    assert "not found" in refused(tmp_path, "clone", address(server, "acme/secret", people.token("eve")), "eve")
    assert "Authentication failed" in refused(tmp_path, "clone", address(server, "acme/secret", "ghp_wrong"), "wrong")


def test_only_who_may_write_pushes(server: GitHubServer, people: People, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", address(server, "acme/shop", people.token("eve")), "here")
    commit(tmp_path / "here", {"page.html": "pushed"})
    assert "403" in refused(tmp_path / "here", "push", "origin", "main")


@pytest.mark.parametrize("name", ["acme/..%2F..", "acme/shop.git/../..", "..", "acme/%2e%2e"])
def test_no_path_leads_out_of_the_repositories(server: GitHubServer, name: str, tmp_path: Path) -> None:
    assert "fatal" in refused(tmp_path, "clone", address(server, name), "here")
    assert not (tmp_path / "here").exists()
