"""That what checks the answers does find what is wrong with one."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from emulators.github import GitHubServer, People
from emulators.github.answers import Answer
from tests.emulators.github import openapi

Json = dict[str, Any]
SPOILED: dict[str, Callable[[Json], object]] = {
    "a field is missing": lambda told: told.pop("node_id"),
    "a field that GitHub hasn't": lambda told: told.update(catalyst=True),
    "also within another": lambda told: told["head"]["repo"].update(catalyst=True),
    "a wrong type": lambda told: told.update(number="1"),
    "a null too many": lambda told: told.update(title=None),
    "no time": lambda told: told.update(created_at="yesterday"),
}


@pytest.fixture
def answer(ada: httpx.Client, people: People, server: GitHubServer) -> Answer:
    ada.get(f"/repos/acme/shop/pulls/{people.open_pull_request('acme', 'shop', 'change')}")
    return server.github.answers[-1]


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_answer_is_found(answer: Answer, how: str) -> None:
    assert openapi.problems(answer) == []
    told = json.loads(answer.body)
    SPOILED[how](told)
    assert openapi.problems(answer._replace(body=json.dumps(told).encode())) != []


def test_an_error_and_a_status_that_github_has_not_are_found(answer: Answer) -> None:
    assert openapi.problems(answer._replace(status=404, body=b'{"detail": "Not Found"}')) != []
    assert openapi.problems(answer._replace(status=299)) != []


@pytest.mark.parametrize("how", ["a field is missing", "a field that GitHub hasn't"])
def test_a_spoiled_payload_is_found(ada: httpx.Client, server: GitHubServer, how: str) -> None:
    hook = {"config": {"url": "http://127.0.0.1:9/"}, "events": ["create"]}
    made = ada.post("/repos/acme/shop/hooks", json=hook).json()
    server.people.push("acme", "shop", "new", {"a": "a"})
    server.github.webhooks.settle()
    newest = ada.get(f"/repos/acme/shop/hooks/{made['id']}/deliveries").json()[0]
    told = ada.get(f"/repos/acme/shop/hooks/{made['id']}/deliveries/{newest['id']}").json()["request"]["payload"]
    assert openapi.webhook_problems("create$event", told) == []
    SPOILED[how](told["repository"])
    assert openapi.webhook_problems("create$event", told) != []
