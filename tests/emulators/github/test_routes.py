"""Every route answers once as it should; conftest holds what it says against GitHub's description."""

import re

import httpx
import pytest

from emulators.github import GitHubServer, People
from emulators.github.routes import ROUTES
from tests.emulators.github import openapi


@pytest.fixture
def number(people: People) -> int:
    return people.open_pull_request("acme", "shop", "change", by="ada")


REPO = "/repos/acme/shop"


def ask_for_everything(ada: httpx.Client, people: People, number: int) -> list[httpx.Response]:
    """One call of each route of increment 1, in an order in which each of them can succeed."""
    pull, issue = f"{REPO}/pulls/{number}", f"{REPO}/issues/{number}"
    comment = ada.post(f"{issue}/comments", json={"body": "hello"})
    one = f"{REPO}/issues/comments/{comment.json()['id']}"
    sha = people.pull("acme", "shop", number).head_sha
    people.push("acme", "shop", "other", {"b": "b"})
    file = {"message": "m", "content": "YQ==", "branch": "other"}
    reads = [
        "/user",
        "/users/ada",
        "/rate_limit",
        REPO,
        f"{REPO}/branches",
        f"{REPO}/branches/main",
        f"{REPO}/git/ref/heads/main",
    ]
    reads += [
        f"{REPO}/collaborators/ada/permission",
        f"{REPO}/collaborators/ada",
        f"{REPO}/pulls",
        pull,
        f"{pull}/files",
    ]
    reads += [f"{pull}/commits", f"{REPO}/issues", issue, f"{issue}/comments", f"{REPO}/issues/comments", one]
    reads += [
        f"{REPO}/commits",
        f"{REPO}/commits/main",
        f"{REPO}/contents",
        f"{REPO}/contents/README.md",
        f"{REPO}/commits/{sha}/pulls",
    ]
    return [
        comment,
        ada.patch(one, json={"body": "changed"}),
        ada.post(f"{REPO}/statuses/{sha}", json={"state": "success"}),
        ada.get(f"{REPO}/statuses/{sha}"),
        ada.get(f"{REPO}/commits/{sha}/statuses"),
        ada.get(f"{REPO}/commits/{sha}/status"),
        ada.post(f"{REPO}/labels", json={"name": "big thing", "color": "aabbcc"}),
        ada.get(f"{REPO}/labels"),
        ada.post(f"{issue}/labels", json={"labels": ["big thing", "new"]}),
        ada.get(f"{issue}/labels"),
        ada.delete(f"{issue}/labels/big thing"),
        ada.put(f"{issue}/labels", json={"labels": ["other"]}),
        ada.delete(f"{issue}/labels"),
        *(ada.get(path) for path in reads),
        ada.put(f"{REPO}/contents/d/a", json=file),
        ada.request(
            "DELETE",
            f"{REPO}/contents/README.md",
            json=file | {"sha": ada.get(f"{REPO}/contents/README.md").json()["sha"]},
        ),
        ada.post(f"{REPO}/pulls", json={"title": "t", "head": "other", "base": "main"}),
        ada.patch(pull, json={"title": "changed"}),
        ada.post(f"{REPO}/issues", json={"title": "an issue"}),
        ada.patch(issue, json={"body": "changed"}),
        ada.delete(one),
        ada.put(f"{REPO}/collaborators/bob", json={"permission": "push"}),
        ada.delete(f"{REPO}/collaborators/bob"),
        ada.put(f"{pull}/merge", json={}),
        ada.get(f"{pull}/merge"),
        ada.post("/user/repos", json={"name": "mine"}),
        ada.post(f"{REPO}/forks", json={}),
        ada.patch(REPO, json={"name": "store", "description": "all of it"}),
        ada.post("/repos/acme/store/transfer", json={"new_owner": "ada"}),
        ada.delete("/repos/ada/mine"),
    ]


def template(path: str) -> str:
    return re.sub(r"\{\w+(:\w+)?\}", "{}", path)


def test_every_route_answers_as_github_describes_it(
    ada: httpx.Client, people: People, number: int, server: GitHubServer
) -> None:
    people.user("bob")
    answers = ask_for_everything(ada, people, number)
    assert [(each.request.method, each.url.path, each.text) for each in answers if each.status_code >= 300] == []


NOT_DESCRIBED = {
    ("POST", "/user/repos"),
    ("POST", "/repos/{}/{}/transfer"),
    ("POST", "/repos/{}/{}/forks"),
    ("GET", "/repos/{}/{}/branches"),
    ("GET", "/repos/{}/{}/commits"),
    ("GET", "/repos/{}/{}/statuses/{}"),
    ("GET", "/repos/{}/{}/contents"),
    ("GET", "/apps/{}"),
    ("GET", "/orgs/{}/installation"),
    ("GET", "/users/{}/installation"),
}
"""Routes of ours that GitHub has, but our part of its description doesn't."""


def test_the_description_has_our_routes() -> None:
    known = {
        (method.upper(), template(path))
        for path, methods in openapi.description()["paths"].items()
        for method in methods
    }
    assert {(route.method, template(route.path)) for route in ROUTES} - known == NOT_DESCRIBED
