"""Input that nobody means well with: refused in words, never a crash, never outside the repositories."""

import base64
from pathlib import Path

import httpx
import pytest

from emulators.github import GitHubServer, People

SHOP = "/repos/acme/shop"
CONTENT = base64.b64encode(b"x").decode()


@pytest.mark.parametrize("path", [
    f"{SHOP}/pulls/{'9' * 5000}",
    f"/repositories/{'9' * 5000}",
    f"{SHOP}/contents/a%00b",
    f"{SHOP}/contents/..%2f..%2fetc/passwd",
    f"{SHOP}/contents/README.md?ref=--output=/tmp/x",
    f"{SHOP}/contents/README.md?ref=main:README.md",
    f"{SHOP}/contents/README.md?ref=HEAD%00",
    f"{SHOP}/commits/--help",
    f"{SHOP}/commits/main..change",
    f"{SHOP}/compare/main....change",
    f"{SHOP}/compare/--help...main",
    f"{SHOP}/git/trees/--help",
    f"{SHOP}/git/blobs/--help",
    f"{SHOP}/git/ref/../../config",
    f"{SHOP}/branches/%00",
    "/repos/acme/..",
    "/repos/%00/%00",
    "/users/%00",
])  # fmt: skip
def test_a_path_that_leads_nowhere_is_not_found(ada: httpx.Client, path: str) -> None:
    assert ada.get(path).status_code in (404, 422)


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", ".git/hooks/pre-receive", ".GIT/config", "a//b", "a\nb\x00", "/x"]
)
def test_a_file_that_git_would_not_have_is_refused(ada: httpx.Client, path: str) -> None:
    url = (
        f"{SHOP}/contents/{httpx.QueryParams({'p': path})['p']}".replace("\n", "%0a")
        .replace("\x00", "%00")
        .replace("..", "%2e%2e")
    )
    answer = ada.put(url, json={"message": "m", "content": CONTENT, "branch": "change"})
    assert answer.status_code in (404, 422), answer.text


def test_a_name_with_a_line_end_is_one_file(ada: httpx.Client, people: People) -> None:
    people.push("acme", "shop", "change", {f"a\n0 {'0' * 40}\tREADME.md": "x"})
    assert "README.md" in {each["name"] for each in ada.get(f"{SHOP}/contents?ref=change").json()}


@pytest.mark.parametrize("body", [
    {"message": "m\0", "content": CONTENT},
    {"message": 1, "content": CONTENT},
    {"message": "m", "content": "?"},
    {"message": "m", "content": CONTENT, "branch": "--help"},
    {"message": "m", "content": CONTENT, "branch": "../../config"},
    {"content": CONTENT},
])  # fmt: skip
def test_a_file_that_says_nonsense_is_refused(ada: httpx.Client, body: dict[str, object]) -> None:
    assert ada.put(f"{SHOP}/contents/x", json=body).status_code in (404, 422)


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a\0", "", "x" * 101, "shop.git", "-\n"])
def test_a_name_that_is_none_is_refused(ada: httpx.Client, name: str) -> None:
    assert ada.patch(SHOP, json={"name": name}).status_code == 422
    assert ada.get(SHOP).json()["name"] == "shop"


NONSENSE: list[object] = [None, 1, [], {}, "x\0", [[]], {"a": {}}]


@pytest.mark.parametrize("route", [
    ("POST", f"{SHOP}/pulls"),
    ("POST", f"{SHOP}/issues/1/comments"),
    ("POST", f"{SHOP}/issues/1/labels"),
    ("POST", f"{SHOP}/issues/1/reactions"),
    ("PATCH", f"{SHOP}/pulls/1"),
    ("PUT", f"{SHOP}/pulls/1/merge"),
    ("POST", f"{SHOP}/labels"),
    ("POST", f"{SHOP}/hooks"),
    ("POST", f"{SHOP}/deployments"),
    ("POST", f"{SHOP}/transfer"),
    ("PUT", f"{SHOP}/collaborators/ada"),
])  # fmt: skip
def test_fields_of_any_kind_are_no_crash(ada: httpx.Client, people: People, route: tuple[str, str]) -> None:
    people.open_pull_request("acme", "shop", "change")
    names = [
        "title",
        "head",
        "base",
        "body",
        "labels",
        "content",
        "state",
        "sha",
        "name",
        "color",
        "config",
        "ref",
        "environment",
    ]
    names += ["new_owner", "permission", "required_contexts", "payload", "description", "events"]
    for value in NONSENSE:
        assert ada.request(*route, json=dict.fromkeys(names, value)).status_code < 500, value


def test_nothing_is_written_beside_the_repositories(server: GitHubServer, tmp_path: Path) -> None:
    assert {path.suffix for path in server.github.root.iterdir()} == {".git"}
    assert {path.name for path in tmp_path.iterdir()} == {"github"}
