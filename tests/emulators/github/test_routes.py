"""Every route answers once as it should; conftest holds what it says against GitHub's description."""

import re

import httpx
import pytest

from emulators.github import GitHubServer, People, Webhook
from emulators.github.routes import ROUTES
from tests.emulators.github import openapi
from tests.emulators.github.conftest import client
from tests.emulators.github.test_apps import jwt_of


@pytest.fixture
def number(people: People) -> int:
    return people.open_pull_request("acme", "shop", "change", by="ada")


REPO = "/repos/acme/shop"


def ask_for_everything(ada: httpx.Client, people: People, number: int) -> list[httpx.Response]:
    """One call of each other route, in an order in which each of them can succeed."""
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


def ask_as_app(own: httpx.Client, bot: httpx.Client, sha: str) -> list[httpx.Response]:
    """One call of each route that is for Apps, or about what they make."""
    (installation,) = own.get("/app/installations").json()
    one = f"/app/installations/{installation['id']}"
    run = bot.post(f"{REPO}/check-runs", json={"name": "preview", "head_sha": sha, "output": OUTPUT})
    check = f"{REPO}/check-runs/{run.json()['id']}"
    (delivery, *_) = own.get("/app/hook/deliveries").json()
    told = f"/app/hook/deliveries/{delivery['id']}"
    reads = [
        "/app",
        "/apps/preview",
        one,
        f"{REPO}/installation",
        "/orgs/acme/installation",
        "/users/acme/installation",
    ]
    reads += ["/app/hook/config", told]
    checks = [check, f"{check}/annotations", f"{REPO}/commits/{sha}/check-runs"]
    checks += [f"{REPO}/check-suites/{run.json()['check_suite']['id']}", "/installation/repositories"]
    return [
        run,
        bot.patch(check, json={"conclusion": "success"}),
        bot.post(f"{check}/rerequest"),
        *(own.get(path) for path in reads),
        *(bot.get(path) for path in checks),
        own.post(f"{told}/attempts"),
        own.patch("/app/hook/config", json={"secret": "other"}),
        own.post(f"{one}/access_tokens", json={"repositories": ["shop"]}),
        bot.delete("/installation/token"),
        own.put(f"{one}/suspended"),
        own.delete(f"{one}/suspended"),
        own.delete(one),
    ]


OUTPUT = {
    "title": "t",
    "summary": "s",
    "annotations": [{"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}],
}


def ask_for_the_rest(ada: httpx.Client, number: int) -> list[httpx.Response]:
    """Deployments, reactions, hooks and git's own objects."""
    deployment = ada.post(f"{REPO}/deployments", json={"ref": "change", "auto_merge": False, "environment": "p"})
    one = f"{REPO}/deployments/{deployment.json()['id']}"
    status = ada.post(
        f"{one}/statuses", json={"state": "success", "description": "d", "environment_url": "https://example.org"}
    )
    comment = ada.post(f"{REPO}/issues/{number}/comments", json={"body": "hello"}).json()["id"]
    places = [f"{REPO}/issues/comments/{comment}/reactions", f"{REPO}/issues/{number}/reactions"]
    given = [ada.post(place, json={"content": "+1"}) for place in places]
    hook = ada.post(f"{REPO}/hooks", json={"config": {"url": "http://127.0.0.1:9/"}})
    tree = ada.get(f"{REPO}/git/trees/change?recursive=1")
    blob = next(each["sha"] for each in tree.json()["tree"] if each["type"] == "blob")
    reads = [
        f"{REPO}/deployments",
        one,
        f"{one}/statuses",
        f"{one}/statuses/{status.json()['id']}",
        f"{REPO}/environments",
    ]
    reads += [f"{REPO}/environments/p", *places, f"{REPO}/git/blobs/{blob}", f"{REPO}/compare/main...change"]
    reads += [f"{REPO}/hooks", f"{REPO}/hooks/{hook.json()['id']}", "/orgs/acme/members/ada"]
    return [
        *(deployment, status, *given, hook, tree),
        *(ada.get(path) for path in reads),
        ada.post(f"{REPO}/hooks/{hook.json()['id']}/pings"),
        *(ada.delete(f"{place}/{each.json()['id']}") for place, each in zip(places, given, strict=True)),
        ada.delete(one),
        ada.delete(f"{REPO}/environments/p"),
    ]


def ask_for_deliveries(server: GitHubServer, ada: httpx.Client) -> list[httpx.Response]:
    (hook,) = ada.get(f"{REPO}/hooks").json()
    server.github.webhooks.settle()
    told = f"{REPO}/hooks/{hook['id']}/deliveries"
    listed = ada.get(told)
    one = f"{told}/{listed.json()[0]['id']}"
    return [listed, ada.get(one), ada.post(f"{one}/attempts"), ada.delete(f"{REPO}/hooks/{hook['id']}")]


def template(path: str) -> str:
    return re.sub(r"\{\w+(:\w+)?\}", "{}", path)


def test_every_route_answers_as_github_describes_it(
    ada: httpx.Client, people: People, number: int, server: GitHubServer
) -> None:
    people.user("bob")
    app = people.create_app("acme", "Preview", {"checks": "write"}, ["push"], Webhook("http://127.0.0.1:9/"))
    installation = people.install(app, "acme")
    server.github.webhooks.settle()
    sha = people.pull("acme", "shop", number).head_sha
    with client(server, jwt_of(app)) as own, client(server, people.installation_token(installation)) as bot:
        answers = ask_as_app(own, bot, sha)
    answers += ask_for_the_rest(ada, number) + ask_for_deliveries(server, ada) + ask_for_everything(ada, people, number)
    assert [(each.request.method, each.url.path, each.text) for each in answers if each.status_code >= 300] == []
    assert {(route.method, route.path) for route in ROUTES} - asked(server) == {
        ("POST", "/app-manifests/{code}/conversions")
    }


def asked(server: GitHubServer) -> set[tuple[str, str]]:
    """The routes that answered well; the first that fits takes a call."""
    patterns = [(route, re.compile(_pattern(route.path))) for route in ROUTES]
    found = set()
    for answer in server.github.answers:
        if answer.status < 300:
            fits = (
                route for route, pattern in patterns if route.method == answer.method and pattern.fullmatch(answer.path)
            )
            route = next(fits)
            found.add((route.method, route.path))
    return found


def _pattern(path: str) -> str:
    kinds = {"path": "(.+)", "id": r"(\d+)", None: "([^/]+)"}
    return re.sub(r"\{\w+(?::(\w+))?\}", lambda found: kinds[found.group(1)], path)


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
    ("POST", "/app-manifests/{}/conversions"),
    ("DELETE", "/repos/{}/{}/issues/{}/reactions/{}"),
    ("DELETE", "/repos/{}/{}/issues/comments/{}/reactions/{}"),
    ("GET", "/repos/{}/{}/check-runs/{}/annotations"),
    ("POST", "/repos/{}/{}/check-runs/{}/rerequest"),
    ("GET", "/repos/{}/{}/check-suites/{}"),
}
"""Routes of ours that GitHub has, but our part of its description doesn't."""


def test_the_description_has_our_routes() -> None:
    known = {
        (method.upper(), template(path))
        for path, methods in openapi.description()["paths"].items()
        for method in methods
    }
    assert {(route.method, template(route.path)) for route in ROUTES} - known == NOT_DESCRIBED
