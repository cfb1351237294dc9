"""What people and tools ask through the API and Temporal's own command line, and webhooks that come twice, late or forged."""

import threading
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.world import HTTP_SECONDS, Platform, Preview, until
from tests.patience import PATIENCE_SECONDS

TALKATIVE = {
    "Dockerfile": """\
FROM busybox:1.35
RUN echo "the build says something" && mkdir /www
EXPOSE 8080
CMD ["sh", "-c", "echo \\"hello ${GREETING:-nobody}\\" > /www/index.html; exec httpd -f -vv -p 8080 -h /www"]
"""
}
FOLLOW_SECONDS = 60


@pytest.fixture
def preview(platform: Platform) -> Preview:
    """One that is Ready and answers "hello nobody"."""
    found = platform.opened(TALKATIVE)
    found.becomes("Ready")
    return found


def _log(preview: Preview, name: str) -> httpx.Response:
    return preview.platform.api.get(f"/api/v1/environments/{preview.namespace}/logs/{name}")


def test_environments_are_listed_and_told_one_by_one(preview: Preview) -> None:
    api = preview.platform.api
    listed = api.get("/api/v1/environments", params={"team": preview.repository.team}).json()["environments"]
    assert [each["namespace"] for each in listed] == [preview.namespace]
    report = preview.report()
    assert (report["team"], report["project"]) == (preview.repository.team, preview.repository.name)
    assert (report["environment"], report["commit"]) == (preview.resource.name, preview.head)
    assert all(step["started_at"] <= step["ended_at"] for step in report["steps"])
    assert [(each["type"], each["status"]) for each in report["conditions"]] == [("Ready", "True")]
    stored = preview.machine.get("environments", preview.resource.name, preview.home)
    assert stored is not None
    assert (stored["status"]["phase"], stored["status"]["url"]) == ("Ready", report["url"])
    unknown = api.get("/api/v1/environments/nobody-knows-it")
    assert unknown.status_code == 404


def test_strangers_are_refused(preview: Preview) -> None:
    here = f"/api/v1/environments/{preview.namespace}"
    asked = [("GET", "/api/v1/environments"), ("GET", here), ("GET", f"{here}/logs/build"), ("POST", f"{here}/retry")]
    asked += [("POST", f"{here}/stop"), ("POST", f"{here}/override"), ("DELETE", here)]
    base = preview.platform.local["api_url"]
    with httpx.Client(base_url=base, timeout=HTTP_SECONDS, trust_env=False) as nobody:
        for headers in ({}, {"Authorization": "Bearer guessed"}):
            answers = [nobody.request(method, path, headers=headers).status_code for method, path in asked]
            assert set(answers) == {401}, f"with {headers}: {list(zip(asked, answers, strict=True))}"
        assert nobody.get("/healthz").status_code == 200
    forged = preview.platform.deliver("pull_request", preview.payload("opened"), str(uuid.uuid4()), secret="guessed")
    assert forged.status_code == 401
    assert preview.platform.local["webhook_secret"] not in forged.text
    assert preview.report()["phase"] == "Ready"


def test_logs_are_text_and_can_be_followed(preview: Preview) -> None:
    build = _log(preview, "build")
    assert build.headers["content-type"].startswith("text/plain")
    assert "the build says something" in build.text
    preview.answers("hello nobody")
    preview.until(lambda: "url:/" in _log(preview, "container").text, 30, "the container log has the request")

    marker = f"/{uuid.uuid4().hex}"
    lines = _following(preview, marker)
    preview.closed()
    preview.is_gone()
    assert marker in lines
    assert "the build says something" in _log(preview, "build").text, "logs are kept after the environment is gone"


def _following(preview: Preview, marker: str) -> str:
    """What a follower hears until a request that is made meanwhile."""
    path = f"/api/v1/environments/{preview.namespace}/logs/container"
    with preview.platform.api.stream("GET", path, params={"follow": True}, timeout=FOLLOW_SECONDS) as answer:
        asking = threading.Thread(target=preview.fetch, args=(marker,))
        asking.start()
        heard = _until_said(answer.iter_text(), marker)
        asking.join()
    return heard


def _until_said(chunks: Iterator[str], marker: str) -> str:
    heard = ""
    for chunk in chunks:
        heard += chunk
        if marker in heard:
            break
    return heard


def test_an_override_outlives_commits_and_is_recorded(preview: Preview) -> None:
    preview.answers("hello nobody")
    preview.asked("override", env={"GREETING": "somebody"}, reason="to see it")
    preview.answers("hello somebody")
    preview.pushed({"more.txt": "a push"})
    preview.becomes("Ready")
    preview.answers_only("hello somebody")

    preview.asked("override", reset=True)
    preview.answers("hello nobody")
    found = preview.machine.rows("select who, action, outcome from audit where subject = ?", preview.namespace)
    assert [(action, outcome) for _, action, outcome in found] == [("override", "accepted")] * 2
    assert all(who for who, _, _ in found)
    kept = preview.machine.rows("select what from overrides where namespace = ?", preview.namespace)
    assert "somebody" not in str(kept), "values may be secret: only their names are kept"


def test_retry_runs_the_same_commit_again(preview: Preview) -> None:
    before = preview.report()["rollout"]
    preview.asked("retry", reason="once more")
    preview.until(lambda: preview.report().get("rollout", 0) > before, PATIENCE_SECONDS, "another attempt has begun")
    report = preview.becomes("Ready")
    assert report["deployed_commit"] == preview.head
    preview.answers_only("hello nobody")


def test_a_stopped_preview_stays_away_until_retry(preview: Preview) -> None:
    preview.asked("stop", reason="too loud")
    preview.is_removed()
    preview.says("Stopped", "too loud", "Retry starts it again")
    preview.pushed({"more.txt": "a push"})
    preview.has_status("success", "Stopped")
    assert preview.remains() == [], "a push doesn't lift a stop"

    preview.asked("retry")
    preview.becomes("Ready")
    preview.answers("hello nobody")
    assert preview.platform.api.delete(f"/api/v1/environments/{preview.namespace}").status_code == 202
    preview.is_removed()
    preview.says("Stopped")
    preview.closed()
    preview.is_gone()
    answer = preview.platform.api.post(f"/api/v1/environments/{preview.namespace}/retry")
    assert answer.status_code == 410, f"nobody is left to ask: {answer.text}"


def test_signals_by_hand_need_only_small_payloads(preview: Preview) -> None:
    """As from Temporal's own UI and command line: the names are part of what the product promises."""
    pull_request, environment = preview.workflow_ids()
    preview.machine.signal(environment, "override", {"env": {"GREETING": "by hand"}})
    preview.answers("hello by hand")
    preview.machine.signal(pull_request, "new_commit", {})
    before = preview.report()["rollout"]
    preview.machine.signal(pull_request, "retry", {})
    preview.until(lambda: preview.report().get("rollout", 0) > before, PATIENCE_SECONDS, "another attempt has begun")
    preview.machine.signal(pull_request, "close", {"by": "ada"})
    preview.is_removed()
    preview.says("Stopped by ada")


def test_a_redelivered_webhook_is_a_duplicate_and_a_late_one_brings_nothing_back(preview: Preview) -> None:
    platform, delivery = preview.platform, str(uuid.uuid4())
    preview.closed()
    preview.is_gone()
    ended = _run_id(preview)

    first = platform.deliver("pull_request", preview.payload("opened"), delivery)
    again = platform.deliver("pull_request", preview.payload("opened"), delivery)
    assert [(each.status_code, each.json()["status"]) for each in (first, again)] == [
        (202, "stored"),
        (202, "duplicate"),
    ]
    preview.until(lambda: _run_id(preview) != ended, PATIENCE_SECONDS, "the late webhook was looked into")
    preview.until(lambda: not preview.running(), PATIENCE_SECONDS, "the look has ended")
    assert preview.remains() == []
    assert preview.report()["phase"] == "Deleted"


def test_closed_on_paper_only_changes_nothing(preview: Preview) -> None:
    """A payload only says "look": what counts is what the forge says when asked (rule 1)."""
    uid, delivery = preview.uid(), str(uuid.uuid4())
    answer = preview.platform.deliver("pull_request", preview.payload("closed"), delivery)
    assert (answer.status_code, answer.json()["status"]) == (202, "stored")
    query = "select state from deliveries where delivery = ?"
    preview.until(
        lambda: preview.machine.rows(query, delivery) == [("handed",)], PATIENCE_SECONDS, "Temporal has taken it"
    )
    preview.pushed({"more.txt": "a push"})
    preview.becomes("Ready")
    assert preview.uid() == uid, "the namespace was removed and made anew"


def test_closed_for_a_pull_request_that_nobody_knew_starts_nothing(platform: Platform) -> None:
    delivery, number = str(uuid.uuid4()), uuid.uuid4().int % 10**9 + 1
    payload = {
        "action": "closed",
        "pull_request": {"number": number},
        "repository": {"id": 1},
        "sender": {"login": "x"},
    }
    assert platform.deliver("pull_request", payload, delivery).status_code == 202
    query = "select reason from deliveries where delivery = ? and state = 'ignored'"
    reason = until(
        lambda: platform.machine.rows(query, delivery), PATIENCE_SECONDS, "the delivery was looked into and left aside"
    )
    assert "starts none" in str(reason)
    assert platform.machine.workflow(f"pr/gitea/1/{number}") is None


def test_reopened_while_it_is_removed(preview: Preview) -> None:
    uid = preview.uid()
    preview.closed()
    preview.until(lambda: preview.report().get("phase") == "Deleting", PATIENCE_SECONDS, "its removal has begun")
    preview.reopened()
    preview.until(lambda: preview.uid() not in ("", uid), 120, "it has a new namespace")
    preview.becomes("Ready")
    preview.answers("hello nobody")
    preview.closed()
    preview.is_gone()


def _run_id(preview: Preview) -> str:
    found = preview.machine.workflow(preview.workflow_ids()[0])
    return str(found["execution"]["runId"]) if found else ""
