"""Check runs: made by Apps, shown to people, who may ask for more."""

from collections.abc import Iterator
from typing import Any

import pytest
from github import Auth, Github, GithubException
from github.Repository import Repository

from emulators.github import GitHubServer, People, Webhook
from emulators.github.model import App
from tests.emulators.github.conftest import client, pygithub
from tests.emulators.github.receiver import Receiver
from tests.emulators.github.test_webhooks import check_shapes, receiver, told

__all__ = ["receiver"]
OUTPUT: dict[str, Any] = {"title": "Preview", "summary": "all is well"}


@pytest.fixture
def app(people: People, receiver: Receiver) -> App:
    return people.create_app("acme", "Preview", {"checks": "write"}, ["check_run"], Webhook(receiver.url))


@pytest.fixture
def github(server: GitHubServer, people: People, app: App) -> Iterator[Github]:
    """As the App has it."""
    made = pygithub(server, Auth.AppAuth(app.id, app.private_key).get_installation_auth(people.install(app, "acme").id))
    yield made
    made.close()


@pytest.fixture
def checked(github: Github) -> Repository:
    return github.get_repo("acme/shop")


def sha_of(people: People) -> str:
    return people.repository("acme", "shop").refs["refs/heads/change"]


def annotations(count: int) -> list[dict[str, str | int]]:
    place: dict[str, str | int] = {"path": "page.html", "start_line": 1, "end_line": 1}
    return [place | {"annotation_level": "warning", "message": str(at)} for at in range(count)]


def test_a_check_run_from_queued_to_done(checked: Repository, people: People) -> None:
    number = people.open_pull_request("acme", "shop", "change")
    run = checked.create_check_run("preview", sha_of(people), details_url="https://example.org/x", external_id="7")
    assert (run.status, run.raw_data["conclusion"], run.app.slug) == ("queued", None, "preview")
    assert [pull.number for pull in run.pull_requests] == [number]
    run.edit(status="in_progress", output=OUTPUT)
    run.edit(
        conclusion="success",
        output=OUTPUT | {"text": "more"},
        actions=[{"label": "Again", "description": "once more", "identifier": "again"}],
    )
    again = checked.get_check_run(run.id)
    assert (again.status, again.conclusion, again.output.text) == ("completed", "success", "more")
    assert again.completed_at is not None
    assert people.check_runs("acme", "shop")[0].actions[0]["identifier"] == "again"


def test_only_the_newest_of_a_name_counts_unless_all_are_asked_for(checked: Repository, people: People) -> None:
    for conclusion in ("failure", "success"):
        checked.create_check_run("preview", sha_of(people), status="completed", conclusion=conclusion)
    checked.create_check_run("other", sha_of(people))
    commit = checked.get_commit("change")
    assert [(run.name, run.conclusion) for run in commit.get_check_runs()] == [("other", None), ("preview", "success")]
    assert commit.get_check_runs(filter="all").totalCount == 3
    assert [run.name for run in commit.get_check_runs(check_name="other")] == ["other"]


def test_fifty_annotations_at_a_time_add_up(checked: Repository, people: People) -> None:
    run = checked.create_check_run("preview", sha_of(people), output=OUTPUT | {"annotations": annotations(50)})
    run.edit(output=OUTPUT | {"annotations": annotations(3)})
    assert (run.output.annotations_count, run.get_annotations().totalCount) == (53, 53)
    with pytest.raises(GithubException, match="No more than 50"):
        run.edit(output=OUTPUT | {"annotations": annotations(51)})
    assert run.get_annotations().totalCount == 53


ACTION = {"label": "Again", "description": "once more", "identifier": "again"}


@pytest.mark.parametrize("fields", [
    {"status": "done"},
    {"status": "completed"},
    {"conclusion": "good"},
    {"output": {"title": "no summary"}},
    {"output": OUTPUT | {"summary": "x" * 65536}},
    {"output": OUTPUT | {"text": "x" * 65536}},
    {"output": OUTPUT | {"annotations": [{"path": "a"}]}},
    {"actions": [ACTION] * 4},
    {"actions": [ACTION | {"label": "x" * 21}]},
    {"actions": [ACTION | {"description": "x" * 41}]},
    {"actions": [ACTION | {"identifier": "x" * 21}]},
    {"completed_at": "yesterday"},
    {"head_sha": "0" * 40},
    {"name": ""},
])  # fmt: skip
def test_what_github_refuses_changes_nothing(checked: Repository, people: People, fields: dict[str, object]) -> None:
    asked = {"name": "preview", "head_sha": sha_of(people)}
    with pytest.raises(GithubException) as refused:
        checked.requester.requestJsonAndCheck("POST", f"{checked.url}/check-runs", input=asked | fields)
    assert refused.value.status == 422
    assert people.check_runs("acme", "shop") == []


def test_only_the_app_that_made_a_check_run_changes_it(
    server: GitHubServer, checked: Repository, people: People
) -> None:
    run = checked.create_check_run("preview", sha_of(people))
    other = people.create_app("acme", "Other", {"checks": "write"})
    with client(server, people.installation_token(people.install(other, "acme"))) as caller:
        refused = caller.patch(f"/repos/acme/shop/check-runs/{run.id}", json={"conclusion": "failure"})
        assert refused.status_code == 403 and "Invalid app_id" in refused.json()["message"]
    with client(server, people.token("ada")) as ada:
        refused = ada.post("/repos/acme/shop/check-runs", json={"name": "mine", "head_sha": sha_of(people)})
        assert (refused.status_code, refused.json()["message"]) == (403, "You must authenticate via a GitHub App.")


def test_what_people_click_reaches_the_app(
    server: GitHubServer, checked: Repository, people: People, receiver: Receiver
) -> None:
    run = checked.create_check_run(
        "preview", sha_of(people), external_id="7", conclusion="failure", output=OUTPUT, actions=[ACTION]
    )
    told(server, receiver)
    people.rerequest_check("acme", "shop", run.id, by="ada")
    people.request_action("acme", "shop", run.id, "again", by="ada")
    people.rerequest_checks("acme", "shop", run.id, by="ada")
    people.push("acme", "shop", "change", {"a": "a"}, by="ada")
    check_shapes(server, receiver)
    assert receiver.names == [
        "check_run.rerequested",
        "check_run.requested_action",
        "check_suite.rerequested",
        "check_suite.requested",
    ]
    assert receiver.of("check_run.requested_action")["requested_action"] == {"identifier": "again"}
    assert receiver.of("check_run.rerequested")["check_run"]["external_id"] == "7"
    assert receiver.of("check_suite.requested")["check_suite"]["head_sha"] == sha_of(people)


def test_no_other_app_is_told_of_a_check(
    server: GitHubServer, checked: Repository, people: People, receiver: Receiver
) -> None:
    run = checked.create_check_run("preview", sha_of(people), conclusion="failure")
    other = Receiver()
    app = people.create_app("acme", "Other", {"checks": "write"}, ["check_run"], Webhook(other.url))
    people.install(app, "acme")
    told(server, receiver)
    people.rerequest_check("acme", "shop", run.id, by="ada")
    assert told(server, receiver) == ["check_run.rerequested"]
    assert other.names == ["ping", "installation.created"]
    other.stop()
