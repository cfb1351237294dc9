"""Webhooks: what is told to whom, in GitHub's shape, and what may go wrong on the way."""

import json
from collections.abc import Iterator

import httpx
import pytest

from emulators.github import GitHubServer, People, Webhook
from emulators.github.model import App, Installation
from emulators.github.webhooks import signatures
from tests.corpora import corpus
from tests.emulators.github import openapi
from tests.emulators.github.conftest import client
from tests.emulators.github.receiver import Receiver
from tests.emulators.github.test_apps import jwt_of

EVENTS = ["pull_request", "push", "create", "delete", "issue_comment", "repository", "check_run", "check_suite"]
SECRET = "It's a Secret to Everybody"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def app(people: People, receiver: Receiver) -> App:
    permissions = {"pull_requests": "write", "contents": "read"}
    return people.create_app("acme", "Preview", permissions, EVENTS, Webhook(receiver.url, SECRET))


@pytest.fixture
def installation(server: GitHubServer, people: People, app: App, receiver: Receiver) -> Installation:
    made = people.install(app, "acme", by="ada")
    server.github.webhooks.settle()
    return made


@pytest.fixture
def own(server: GitHubServer, app: App) -> Iterator[httpx.Client]:
    """The API as the App calls it."""
    with client(server, jwt_of(app)) as made:
        yield made


def told(server: GitHubServer, receiver: Receiver) -> list[str]:
    """What arrived since the last time."""
    server.github.webhooks.settle()
    names, receiver.received[:] = receiver.names, []
    return names


def test_the_signature_is_the_one_that_github_publishes() -> None:
    vector = json.loads((corpus("github-webhooks") / "signature-vector.json").read_text())
    made = signatures(vector["secret"], vector["payload"].encode())
    assert made["X-Hub-Signature-256"] == vector["x_hub_signature_256"]


@pytest.mark.usefixtures("installation")
def test_a_delivery_says_what_it_is_and_is_signed(
    server: GitHubServer, people: People, app: App, receiver: Receiver
) -> None:
    told(server, receiver)
    people.comment("acme", "shop", people.open_issue("acme", "shop", "issue"), "hello", by="bob")
    server.github.webhooks.settle()
    (sent,) = receiver.received
    assert sent.headers["x-hub-signature-256"] == signatures(SECRET, sent.body)["X-Hub-Signature-256"]
    assert sent.headers["user-agent"].startswith("GitHub-Hookshot/")
    assert sent.headers["x-github-hook-id"] == str(app.hook.id if app.hook else "")
    assert sent.headers["x-github-hook-installation-target-id"] == str(app.id)
    assert (sent.headers["content-type"], len(sent.headers["x-github-delivery"])) == ("application/json", 36)
    assert "pull_request" not in sent.payload["issue"], "a plain issue is none"


def test_what_people_do_to_pull_requests(
    server: GitHubServer, people: People, installation: Installation, receiver: Receiver
) -> None:
    assert told(server, receiver) == ["ping", "installation.created"]
    place = ("acme", "shop", people.open_pull_request("acme", "shop", "change", draft=True, by="ada"))
    people.set_draft(*place, draft=False)
    people.add_label(*place, "preview")
    people.remove_label(*place, "preview")
    people.edit_pull_request(*place, title="better")
    comment = people.comment(*place, "hello", by="bob")
    people.edit_comment("acme", "shop", comment, "hello!", by="bob")
    people.delete_comment("acme", "shop", comment, by="bob")
    people.push("acme", "shop", "change", {"page.html": "newer"}, by="ada")
    people.close(*place)
    people.reopen(*place)
    people.set_draft(*place, draft=True)
    people.set_draft(*place, draft=False)
    server.github.webhooks.settle()
    assert receiver.of("pull_request.synchronize")["after"] == people.pull(*place).head_sha
    assert receiver.of("pull_request.labeled")["label"]["name"] == "preview"
    assert receiver.of("pull_request.edited")["changes"] == {"title": {"from": "A change"}}
    assert receiver.of("issue_comment.edited")["changes"] == {"body": {"from": "hello"}}
    assert receiver.of("pull_request.opened")["installation"]["id"] == installation.id
    assert receiver.of("pull_request.opened")["sender"]["login"] == "ada"
    assert receiver.of("pull_request.opened")["organization"]["login"] == "acme"
    people.merge(*place)
    check_shapes(server, receiver)
    assert receiver.of("pull_request.closed")["pull_request"]["merged"]
    pulls = [
        f"pull_request.{action}"
        for action in (
            "opened",
            "ready_for_review",
            "labeled",
            "unlabeled",
            "edited",
            "synchronize",
            "closed",
            "reopened",
            "converted_to_draft",
            "ready_for_review",
            "closed",
        )
    ]
    assert [name for name in receiver.names if name.startswith("pull_request")] == pulls
    assert [name for name in receiver.names if name.startswith("issue_")] == [
        f"issue_comment.{x}" for x in ("created", "edited", "deleted")
    ]


def check_shapes(server: GitHubServer, receiver: Receiver) -> None:
    """By GitHub's schemas of webhooks."""
    server.github.webhooks.settle()
    for each in receiver.received:
        action = each.payload.get("action", "event")
        assert openapi.webhook_problems(f"{each.event}${action}", each.payload) == [], each.name


def test_what_people_do_to_branches(
    server: GitHubServer, people: People, installation: Installation, receiver: Receiver
) -> None:
    told(server, receiver)
    first = people.push("acme", "shop", "new", {"a": "a"}, by="ada")
    people.push("acme", "shop", "new", {"b": "b"}, by="ada")
    people.force_push("acme", "shop", "new", first)
    people.delete_branch("acme", "shop", "new")
    check_shapes(server, receiver)
    pushes = [each.payload for each in receiver.received if each.event == "push"]
    assert [each.name for each in receiver.received] == ["create", "push", "push", "push", "delete", "push"]
    assert [(each["created"], each["forced"], each["deleted"]) for each in pushes] == [
        (True, False, False),
        (False, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert [commit["added"] for commit in pushes[0]["commits"]] == [["a"]]
    assert (pushes[0]["pusher"]["name"], pushes[1]["head_commit"]["id"]) == ("ada", pushes[1]["after"])
    assert receiver.of("create")["ref"] == "new"


def test_what_people_do_to_repositories(
    server: GitHubServer, people: People, installation: Installation, receiver: Receiver
) -> None:
    told(server, receiver)
    people.create_repository("acme", "late")
    people.rename_repository("acme", "late", "later")
    people.create_repository("mia", "moving")
    people.transfer_repository("mia", "moving", "acme")
    people.delete_repository("acme", "later")
    check_shapes(server, receiver)
    names = [name for name in receiver.names if name.startswith("repository")]
    assert names == ["repository.created", "repository.renamed", "repository.transferred", "repository.deleted"]
    assert receiver.of("repository.renamed")["changes"]["repository"]["name"]["from"] == "late"
    assert receiver.of("repository.transferred")["changes"]["owner"]["from"]["user"]["login"] == "mia"


def test_what_people_do_to_installations(server: GitHubServer, people: People, app: App, receiver: Receiver) -> None:
    people.create_repository("acme", "other")
    made = people.install(app, "acme", ["shop"], by="ada")
    people.choose_repositories(made, added=["other"], removed=["shop"])
    people.suspend(made)
    people.push("acme", "other", "main", {"a": "a"})
    people.unsuspend(made)
    app.permissions["issues"] = "write"
    people.accept_permissions(made)
    people.uninstall(made)
    people.push("acme", "other", "main", {"a": "b"})
    check_shapes(server, receiver)
    actions = ["installation.created", "installation_repositories.added", "installation_repositories.removed"]
    actions += [f"installation.{action}" for action in ("suspend", "unsuspend", "new_permissions_accepted", "deleted")]
    assert receiver.names == ["ping", *actions]
    assert [each["name"] for each in receiver.of("installation_repositories.added")["repositories_added"]] == ["other"]


def test_an_app_is_told_of_its_repositories_and_its_events_only(
    server: GitHubServer, people: People, receiver: Receiver
) -> None:
    people.create_repository("acme", "other")
    app = people.create_app("acme", "Few", {}, ["push"], Webhook(receiver.url))
    people.install(app, "acme", ["shop"])
    people.push("acme", "other", "main", {"a": "a"})
    people.push("acme", "shop", "change", {"a": "a"})
    people.open_pull_request("acme", "shop", "change")
    assert told(server, receiver) == ["ping", "installation.created", "push"]


def test_the_api_tells_as_people_do(
    server: GitHubServer, ada: httpx.Client, installation: Installation, receiver: Receiver
) -> None:
    told(server, receiver)
    number = ada.post("/repos/acme/shop/pulls", json={"title": "t", "head": "change", "base": "main"}).json()["number"]
    ada.post(f"/repos/acme/shop/issues/{number}/comments", json={"body": "hello"})
    ada.patch(f"/repos/acme/shop/pulls/{number}", json={"state": "closed"})
    assert told(server, receiver) == ["pull_request.opened", "issue_comment.created", "pull_request.closed"]


@pytest.mark.usefixtures("installation")
def test_deliveries_are_lost_doubled_late_and_out_of_order(
    server: GitHubServer, people: People, receiver: Receiver
) -> None:
    webhooks = server.github.webhooks
    number = people.open_issue("acme", "shop", "issue")
    told(server, receiver)

    def say(*bodies: str) -> list[str]:
        for body in bodies:
            people.comment("acme", "shop", number, body, by="bob")
        webhooks.settle()
        received, receiver.received[:] = [each.payload["comment"]["body"] for each in receiver.received], []
        return received

    webhooks.lose(event="issue_comment")
    assert say("a", "b") == ["b"]
    webhooks.double()
    assert say("a", "b") == ["a", "a", "b"]
    webhooks.delay(0.3)
    assert say("a", "b") == ["b", "a"]
    webhooks.hold()
    assert say("a", "b", "c") == []
    webhooks.release("reversed")
    assert say() == ["c", "b", "a"]


def test_a_failed_delivery_stays_failed_until_somebody_asks(
    server: GitHubServer, people: People, installation: Installation, receiver: Receiver, own: httpx.Client
) -> None:
    receiver.status = 503
    told(server, receiver)
    people.push("acme", "shop", "change", {"a": "a"})
    assert told(server, receiver) == ["push"]
    (failed,) = own.get("/app/hook/deliveries?status=failure").json()
    assert (failed["event"], failed["status_code"], failed["redelivery"]) == ("push", 503, False)
    assert (failed["installation_id"], failed["repository_id"]) == (
        installation.id,
        people.repository("acme", "shop").id,
    )
    receiver.status = 200
    assert own.post(f"/app/hook/deliveries/{failed['id']}/attempts").status_code == 202
    assert told(server, receiver) == ["push"]
    newest = own.get("/app/hook/deliveries").json()[0]
    assert (newest["guid"], newest["redelivery"], newest["status"]) == (failed["guid"], True, "OK")
    whole = own.get(f"/app/hook/deliveries/{newest['id']}").json()
    assert (whole["request"]["headers"]["X-GitHub-Delivery"], whole["response"]["payload"]) == (failed["guid"], "ok")


def test_nobody_listening_and_nobody_answering_are_failures(
    server: GitHubServer, people: People, installation: Installation, receiver: Receiver, own: httpx.Client
) -> None:
    receiver.stop()
    people.push("acme", "shop", "change", {"a": "a"})
    server.github.webhooks.lose()
    people.push("acme", "shop", "change", {"a": "b"})
    server.github.webhooks.settle()
    statuses = {each["status"] for each in own.get("/app/hook/deliveries?status=failure").json()}
    assert statuses == {"failed to connect to host", "timed out"}


def test_deliveries_are_paged_by_cursor_and_kept_for_three_days(
    server: GitHubServer, people: People, installation: Installation, receiver: Receiver, own: httpx.Client
) -> None:
    for at in range(4):
        people.push("acme", "shop", "change", {"a": str(at)})
    told(server, receiver)
    page, ids = own.get("/app/hook/deliveries?per_page=4"), []
    while True:
        ids += [each["id"] for each in page.json()]
        if "next" not in page.links:
            break
        page = own.get(page.links["next"]["url"])
    assert ids == sorted(ids, reverse=True) and len(ids) == 6
    server.github.clock.advance(3 * 24 * 3600 + 1)
    with client(server, None) as later:
        assert later.get("/app/hook/deliveries").status_code == 401
    assert server.github.webhooks.kept(server.github.apps[installation.app.id].hook) == []  # type: ignore[arg-type]


def test_a_repositorys_own_hook(server: GitHubServer, ada: httpx.Client, people: People, receiver: Receiver) -> None:
    hooks = "/repos/acme/shop/hooks"
    made = ada.post(hooks, json={"config": {"url": receiver.url, "secret": "s"}, "events": ["push"]}).json()
    assert made["config"]["secret"] == "********"
    people.push("acme", "shop", "change", {"a": "a"})
    people.open_pull_request("acme", "shop", "change")
    check_shapes(server, receiver)
    assert [each.headers["x-github-hook-installation-target-type"] for each in receiver.received] == ["repository"] * 2
    assert "installation" not in receiver.of("push")
    assert ada.post(f"{hooks}/{made['id']}/pings").status_code == 204
    assert told(server, receiver) == ["ping", "push", "ping"]
    newest, *_ = ada.get(f"{hooks}/{made['id']}/deliveries").json()
    assert ada.get(f"{hooks}/{made['id']}/deliveries/{newest['id']}").json()["event"] == "ping"
    assert ada.post(f"{hooks}/{made['id']}/deliveries/{newest['id']}/attempts").status_code == 202
    assert [each["id"] for each in ada.get(hooks).json()] == [ada.get(f"{hooks}/{made['id']}").json()["id"]]
    assert ada.delete(f"{hooks}/{made['id']}").status_code == 204
    people.push("acme", "shop", "change", {"a": "b"})
    assert told(server, receiver) == ["ping"]


def test_an_app_changes_where_its_deliveries_go(
    server: GitHubServer, own: httpx.Client, app: App, receiver: Receiver
) -> None:
    assert own.get("/app/hook/config").json()["url"] == receiver.url
    assert own.patch("/app/hook/config", json={"url": "http://127.0.0.1:9/x"}).json()["url"] == "http://127.0.0.1:9/x"
