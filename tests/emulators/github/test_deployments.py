"""Deployments, their statuses, and reactions."""

from typing import Any

import httpx
import pytest
from github import GithubException
from github.Repository import Repository

from emulators.github import People

PLAIN: dict[str, Any] = {"auto_merge": False, "required_contexts": []}


def states(people: People) -> list[list[str]]:
    return [[status.state for status in each.statuses] for each in people.deployments("acme", "shop")]


def test_a_deployment_and_its_statuses(shop: Repository, people: People) -> None:
    made = shop.create_deployment(
        "change", environment="preview/7", transient_environment=True, payload={"n": 7}, **PLAIN
    )
    made.create_status("in_progress", description="soon")
    made.create_status("success", environment_url="https://example.org", target_url="https://example.org/log")
    newest, before = made.get_statuses()
    assert (newest.state, newest.environment_url, before.state) == ("success", "https://example.org", "in_progress")
    again = shop.get_deployment(made.id)
    assert (again.environment, again.transient_environment, again.payload, again.sha) == (
        "preview/7",
        True,
        {"n": 7},
        shop.get_branch("change").commit.sha,
    )
    assert made.get_status(newest.id).state == "success"
    assert [each.id for each in shop.get_deployments(environment="preview/7")] == [made.id]
    assert list(shop.get_deployments(environment="production")) == []


def test_a_success_ends_those_before_it_in_its_environment(shop: Repository, people: People) -> None:
    for environment, transient in (("a", False), ("a", False), ("b", False), ("t", True), ("t", True)):
        shop.create_deployment(
            "change", environment=environment, transient_environment=transient, **PLAIN
        ).create_status("success")
    assert states(people) == [["success", "inactive"], ["success"], ["success"], ["success"], ["success"]]


def test_only_an_inactive_deployment_is_deleted_unless_it_is_the_only_one(ada: httpx.Client, people: People) -> None:
    def make() -> str:
        return f"/repos/acme/shop/deployments/{ada.post('/repos/acme/shop/deployments', json={'ref': 'change'} | PLAIN).json()['id']}"

    first, second = make(), make()
    ada.post(f"{first}/statuses", json={"state": "success"})
    for active in (first, second):
        refused = ada.delete(active)
        assert refused.status_code == 422 and "active deployment" in refused.json()["message"]
    ada.post(f"{first}/statuses", json={"state": "inactive"})
    assert ada.delete(first).status_code == 204
    assert ada.get(first).status_code == 404
    assert ada.delete(second).status_code == 204, "the only one"


def test_by_default_github_merges_first_and_wants_every_status(
    shop: Repository, ada: httpx.Client, people: People
) -> None:
    people.push("acme", "shop", "main", {"later": "main is ahead"})
    before = shop.get_branch("change").commit.sha
    instead = ada.post("/repos/acme/shop/deployments", json={"ref": "change"})
    assert (instead.status_code, instead.json()) == (202, {"message": "Auto-merged main into change on deployment."})
    after = shop.get_commit("change")
    assert after.sha != before and after.parents[0].sha == before
    after.create_status("pending", context="ci")
    with pytest.raises(GithubException, match="Commit status checks failed") as refused:
        shop.create_deployment("change")
    assert refused.value.status == 409
    after.create_status("success", context="ci")
    assert shop.create_deployment("change").environment == "production"


def test_a_merge_that_conflicts_is_no_deployment(ada: httpx.Client, people: People) -> None:
    people.push("acme", "shop", "main", {"page.html": "other"})
    refused = ada.post("/repos/acme/shop/deployments", json={"ref": "change"})
    assert (refused.status_code, people.deployments("acme", "shop")) == (409, [])


@pytest.mark.parametrize("fields", [{"state": "done"}, {"state": "success", "description": "x" * 141}])
def test_a_deployment_status_that_github_refuses(ada: httpx.Client, people: People, fields: dict[str, str]) -> None:
    made = ada.post("/repos/acme/shop/deployments", json={"ref": "change"} | PLAIN).json()
    assert ada.post(f"/repos/acme/shop/deployments/{made['id']}/statuses", json=fields).status_code == 422
    assert states(people) == [[]]


def test_environments_come_with_deployments_and_are_deleted(ada: httpx.Client) -> None:
    ada.post("/repos/acme/shop/deployments", json={"ref": "change", "environment": "preview/7"} | PLAIN)
    path = "/repos/acme/shop/environments"
    assert [each["name"] for each in ada.get(path).json()["environments"]] == ["preview/7"]
    assert ada.get(f"{path}/preview%2F7").json()["name"] == "preview/7"
    assert [ada.delete(f"{path}/preview%2F7").status_code for _ in range(2)] == [204, 404]


def test_a_reaction_is_given_once_and_taken_back(shop: Repository, people: People) -> None:
    pull = shop.get_pull(people.open_pull_request("acme", "shop", "change"))
    comment = pull.create_issue_comment("hello")
    first, second = comment.create_reaction("eyes"), comment.create_reaction("eyes")
    assert first.id == second.id
    assert [(each.content, each.user.login) for each in comment.get_reactions()] == [("eyes", "ada")]
    assert people.comments("acme", "shop", pull.number)[0]["reactions"]["eyes"] == 1
    assert comment.delete_reaction(first.id)
    assert list(comment.get_reactions()) == []
    assert pull.as_issue().create_reaction("rocket").content == "rocket"
    with pytest.raises(GithubException, match="422"):
        comment.create_reaction("shrug")
