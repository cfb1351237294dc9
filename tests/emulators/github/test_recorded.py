"""Exchanges with api.github.com as octokit recorded them, asked of the emulator again: names of headers and fields, links, errors."""

import json
import re
from typing import Any

import httpx

from emulators.github import People
from tests.corpora import corpus

Json = dict[str, Any]
NOT_OURS = {"last-modified", "connection"}
"""Headers: we have no time of change for everything, and keep connections."""
GONE = {"allow_squash_merge", "allow_merge_commit", "allow_rebase_merge", "allow_auto_merge", "delete_branch_on_merge"}
GONE |= {
    "allow_update_branch",
    "use_squash_pr_title_as_default",
    "squash_merge_commit_message",
    "squash_merge_commit_title",
}
GONE |= {"merge_commit_message", "merge_commit_title", "security_and_analysis", "has_pull_requests"}
"""Fields of a repository that only its admins' pages use."""


def recorded(name: str) -> list[Json]:
    told: list[Json] = json.loads((corpus("octokit-fixtures") / f"{name}.json").read_text())
    return told


def fields(value: object, at: str = "") -> set[str]:
    """Paths of all fields; of a list, those of its first item."""
    if isinstance(value, list):
        return fields(value[0], f"{at}[]") if value else set()
    if not isinstance(value, dict):
        return set()
    return {f"{at}.{key}" for key in value} | {
        path for key, each in value.items() for path in fields(each, f"{at}.{key}")
    }


def missing(exchange: Json, answer: httpx.Response) -> set[str]:
    """What the recorded answer has and ours lacks."""
    lacking = fields(exchange["response"]) - fields(answer.json())
    headers = {f"header {name}" for name in exchange["headers"]} - {f"header {name.lower()}" for name in answer.headers}
    return {path for path in lacking if path.rpartition(".")[2] not in GONE} | headers - {
        f"header {name}" for name in NOT_OURS
    }


def test_a_repository(ada: httpx.Client) -> None:
    (exchange,) = recorded("get-repository")
    assert missing(exchange, ada.get("/repos/acme/shop")) == set()


def test_pages_of_issues(ada: httpx.Client, people: People) -> None:
    for at in range(13):
        people.open_issue("acme", "shop", f"issue {at}")
    id_ = people.repository("acme", "shop").id
    for exchange in recorded("paginate-issues"):
        path = (
            exchange["path"]
            .replace("octokit-fixture-org/paginate-issues", "acme/shop")
            .replace("/repositories/1000", f"/repositories/{id_}")
        )
        answer = ada.get(path)
        ours = re.sub(r"http://127.0.0.1:\d+/api/v3", "https://api.github.com", answer.headers["Link"])
        assert ours.replace(str(id_), "1000") == exchange["headers"]["link"]
        assert len(answer.json()) == len(exchange["response"])
        assert missing(exchange, answer) <= {"[].performed_via_github_app"}, path


def test_a_renamed_repository(ada: httpx.Client, people: People) -> None:
    people.create_repository("acme", "rename-repository")
    people.organization("acme")
    id_ = people.repository("acme", "rename-repository").id
    for exchange in recorded("rename-repository"):
        path = exchange["path"].replace("octokit-fixture-org", "acme").replace("1000", str(id_))
        body = {"name": "rename-repository-newname"} if exchange["method"] == "patch" else None
        answer = ada.request(exchange["method"].upper(), path, json=body)
        assert answer.status_code == exchange["status"], path
        assert missing(exchange, answer) == set(), path
        if "location" in exchange["headers"]:
            assert (
                answer.headers["Location"].endswith(f"/repositories/{id_}")
                and answer.json()["url"] == answer.headers["Location"]
            )


def test_a_status(ada: httpx.Client, people: People) -> None:
    sha = people.repository("acme", "shop").refs["refs/heads/main"]
    for exchange in recorded("create-status"):
        path = re.sub(r"/repos/[^/]+/[^/]+", "/repos/acme/shop", exchange["path"]).replace("0" * 39 + "1", sha)
        body = {"state": "success", "description": "create-status"}
        answer = ada.request(exchange["method"].upper(), path, json=body if exchange["method"] == "post" else None)
        assert answer.status_code == exchange["status"], path
        assert missing(exchange, answer) == set(), path


def test_contents(ada: httpx.Client) -> None:
    for exchange in recorded("get-content"):
        answer = ada.get(re.sub(r"/repos/[^/]+/[^/]+", "/repos/acme/shop", exchange["path"]))
        assert answer.status_code == exchange["status"]
        if isinstance(exchange["response"], dict | list):
            assert missing(exchange, answer) == set(), exchange["path"]


def test_a_refused_label(ada: httpx.Client) -> None:
    (exchange,) = recorded("errors")
    answer = ada.post("/repos/acme/shop/labels", json={"name": "foo", "color": "invalid"})
    told = answer.json()
    assert (answer.status_code, told["message"], told["errors"]) == (
        422,
        exchange["response"]["message"],
        exchange["response"]["errors"],
    )
    assert missing(exchange, answer) == set()


def test_labels_of_an_issue(ada: httpx.Client, people: People) -> None:
    number = people.open_issue("acme", "shop", "an issue")
    *_, exchange = recorded("add-labels-to-issue")
    answer = ada.post(f"/repos/acme/shop/issues/{number}/labels", json={"labels": ["Foo", "bAr", "baZ"]})
    assert [each["name"] for each in answer.json()] == ["Foo", "bAr", "baZ"]
    assert missing(exchange, answer) == set()
