"""What people and tools read, and ask for."""

from datetime import UTC, datetime

import pytest

from activities.protocols import GatewayError, IndexRow
from environments.model import Condition, Phase, PullRequestKey, Step, StepState
from environments.overriding import Overridden
from environments.report import EnvironmentReport
from environments.work import OverrideRequest, PushRequest
from tests.api.conftest import Api

KEY = PullRequestKey(forge="gitea", repository_id=3, number=7)
PREVIEW = "ada-shop-pr-7"
STAGING = "ada-shop-staging"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def row(namespace: str = PREVIEW, phase: Phase = Phase.READY, key: PullRequestKey | None = KEY) -> IndexRow:
    report = EnvironmentReport(
        uid="u1",
        namespace=namespace,
        phase=phase,
        url=f"http://{namespace}.localhost:8780",
        sha="b" * 40,
        deployed_sha="a" * 40,
        rollout=3,
        steps=(Step(name="build", state=StepState.DONE, started_at=NOON, ended_at=NOON, detail="cached"),),
        conditions=(Condition(type="Ready", status="True", reason="Answers", message="It answers."),),
        notes=("A note.",),
        updated_at=NOON,
    )
    return IndexRow(
        namespace=namespace,
        uid="u1",
        team="ada",
        project="shop",
        environment=namespace.removeprefix("ada-shop-"),
        pull_request=key,
        report=report.model_dump(mode="json"),
    )


# --- who may ask -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "reason"), [(None, "NoToken"), ("Bearer wrong", "UnknownToken"), ("Basic dXNlcjpw", "NoToken")]
)
async def test_without_a_known_token_nothing_is_told(api: Api, given: str | None, reason: str) -> None:
    api.client.headers.pop("Authorization")
    headers = {"Authorization": given} if given else {}
    paths = [path for path in api.app.openapi()["paths"] if path.startswith("/api/")]
    place = {"namespace": PREVIEW, "log": "build", "forge": "gitea", "repository": 3, "number": 7}
    assert len(paths) >= 8
    for path in paths:
        for method in api.app.openapi()["paths"][path]:
            answer = await api.client.request(method, path.format(**place), headers=headers)
            assert (answer.status_code, answer.json()["reason"]) == (401, reason), (method, path)
            assert answer.headers["WWW-Authenticate"] == "Bearer"


# --- reading -----------------------------------------------------------------------------------------------------


async def test_a_list_is_narrowed(api: Api) -> None:
    await api.parts.index.put(row())
    await api.parts.index.put(row(STAGING, Phase.FAILED, None))

    async def found(query: str) -> list[str]:
        answer = await api.client.get(f"/api/v1/environments{query}")
        return sorted(each["namespace"] for each in answer.json()["environments"])

    assert await found("") == [PREVIEW, STAGING]
    assert await found("?pull_request=7") == [PREVIEW]
    assert await found("?phase=Failed&team=ada&project=shop") == [STAGING]
    assert await found("?team=bob") == []


async def test_one_environment_with_all_that_is_known(api: Api) -> None:
    await api.parts.index.put(row())
    answer = (await api.client.get(f"/api/v1/environments/{PREVIEW}")).json()
    assert (answer["phase"], answer["commit"], answer["deployed_commit"]) == ("Ready", "b" * 40, "a" * 40)
    assert answer["pull_request"] == {"forge": "gitea", "repository_id": 3, "number": 7}
    assert answer["steps"][0]["started_at"] == "2026-01-01T12:00:00Z"
    assert answer["conditions"][0]["reason"] == "Answers"
    assert answer["notes"] == ["A note."]
    assert answer["links"]["build_log"] == f"http://localhost:8700/api/v1/environments/{PREVIEW}/logs/build"
    assert answer["links"]["environment"] == answer["url"] == f"http://{PREVIEW}.localhost:8780"


async def test_an_unknown_environment_is_said(api: Api) -> None:
    for method, path in (("GET", ""), ("GET", "/logs/build"), ("POST", "/retry"), ("DELETE", "")):
        answer = await api.client.request(method, f"/api/v1/environments/nobody{path}")
        assert (answer.status_code, answer.json()["reason"]) == (404, "NotFound")
        assert "'nobody'" in answer.json()["message"]


async def test_what_is_not_answered_is_said_in_the_same_shape(api: Api) -> None:
    for method, path, status in (("GET", "/api/v2", 404), ("PUT", "/healthz", 405), ("GET", "/webhooks/gitlab", 404)):
        answer = await api.client.request(method, path)
        assert (answer.status_code, set(answer.json())) == (status, {"reason", "message"})
    answer = await api.client.get("/api/v1/environments?phase=Nice")
    assert (answer.status_code, answer.json()["reason"]) == (422, "Invalid")


# --- asking ------------------------------------------------------------------------------------------------------


COMMANDS = [
    ("POST", "/retry", "retry", "retry"),
    ("POST", "/stop", "close", "stop"),
    ("POST", "/delete", "close", "delete"),
    ("DELETE", "", "close", "delete"),
]


@pytest.mark.parametrize(("method", "path", "update", "action"), COMMANDS)
@pytest.mark.parametrize("namespace", [PREVIEW, STAGING])
async def test_its_owner_is_asked(api: Api, method: str, path: str, update: str, action: str, namespace: str) -> None:
    is_preview = namespace == PREVIEW
    owner = "pr/gitea/3/7" if is_preview else "environment/ada-shop/staging"
    await api.parts.index.put(row(namespace, key=KEY if is_preview else None))
    api.owners.running.add(owner)
    answer = await api.client.request(method, f"/api/v1/environments/{namespace}{path}")
    assert (answer.status_code, answer.json()) == (202, {"message": "It is being done."})
    [told] = api.owners.told
    assert told.request is not None
    assert (told.workflow_id, told.name, told.request.by, told.request.delivery) == (owner, update, "ci", None)
    [entry] = await api.parts.audit.list(namespace)
    assert (entry.who, entry.action, entry.outcome) == ("ci", action, "accepted")


async def test_an_override_is_passed_on_and_recorded_without_secrets(api: Api) -> None:
    await api.parts.index.put(row())
    api.owners.running.add("pr/gitea/3/7")
    body = {"command": "npm start", "port": 3000, "env": {"KEY": "hidden"}, "reason": "wrong command"}
    answer = await api.client.post(f"/api/v1/environments/{PREVIEW}/override", json=body)
    assert answer.status_code == 202
    [told] = api.owners.told
    assert told.request is not None
    assert told.request.model_dump(exclude_none=True) == {
        **body,
        "by": "ci",
        "reset": False,
        "scope": "project",
    }
    [kept] = await api.parts.overrides.list(PREVIEW)
    [entry] = await api.parts.audit.list(PREVIEW)
    assert kept.what == entry.detail == {**body, "env": ["KEY"], "scope": "project"}
    assert kept.who == "ci"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": "nothing else"},
        {"port": 0},
        {"port": 70_000},
        {"comand": "misspelt"},
        {"workdir": "/etc"},
        {"workdir": "a/../../b"},
        {"env": {"1X": "y"}},
        {"command": ""},
        {"scope": "environment"},
        {"scope": "team", "command": "x"},
    ],
    ids=str,
)
async def test_an_override_that_makes_no_sense_is_refused(api: Api, body: dict[str, object]) -> None:
    await api.parts.index.put(row())
    answer = await api.client.post(f"/api/v1/environments/{PREVIEW}/override", json=body)
    assert (answer.status_code, answer.json()["reason"]) == (422, "Invalid")
    assert api.owners.calls == []


async def test_a_refused_secret_is_not_repeated(api: Api) -> None:
    await api.parts.index.put(row())
    body = {"env": {"KEY": ["hidden"]}}
    answer = await api.client.post(f"/api/v1/environments/{PREVIEW}/override", json=body)
    assert (answer.status_code, "hidden" in answer.text) == (422, False)


async def test_an_override_may_be_for_this_environment_alone(api: Api) -> None:
    await api.parts.index.put(row())
    api.owners.running.add("pr/gitea/3/7")
    body = {"command": "npm start", "scope": "environment"}
    assert (await api.client.post(f"/api/v1/environments/{PREVIEW}/override", json=body)).status_code == 202
    [told] = api.owners.told
    assert told.request == OverrideRequest(by="ci", command="npm start", scope="environment")
    [entry] = await api.parts.audit.list(PREVIEW)
    assert entry.detail["scope"] == "environment"


async def test_what_is_overridden_is_told_with_who_and_when(api: Api) -> None:
    told = Overridden(scope="environment", fields=("command",), by="ada", at=NOON)
    known = row()
    report = EnvironmentReport.model_validate(known.report).model_copy(update={"overridden": (told,)})
    await api.parts.index.put(known.model_copy(update={"report": report.model_dump(mode="json")}))
    answer = await api.client.get(f"/api/v1/environments/{PREVIEW}")
    [found] = answer.json()["overridden"]
    assert found == {
        "scope": "environment",
        "fields": ["command"],
        "more": 0,
        "by": "ada",
        "at": "2026-01-01T12:00:00Z",
    }


async def test_a_push_is_passed_on_with_its_message_and_recorded(api: Api) -> None:
    await api.parts.index.put(row())
    api.owners.running.add("pr/gitea/3/7")
    answer = await api.client.post(f"/api/v1/environments/{PREVIEW}/push", json={"message": "Fix\n\nthe typo"})
    assert answer.status_code == 200
    [told] = api.owners.told
    assert told.request == PushRequest(by="ci", message="Fix\n\nthe typo")
    [entry] = await api.parts.audit.list(PREVIEW)
    assert (entry.action, entry.outcome) == ("push", "accepted")


async def test_an_environment_without_a_pull_request_has_nothing_to_push_to(api: Api) -> None:
    await api.parts.index.put(row(STAGING, key=None))
    answer = await api.client.post(f"/api/v1/environments/{STAGING}/push")
    assert (answer.status_code, "no pull request" in answer.json()["message"]) == (409, True)
    assert api.owners.told == []


@pytest.mark.parametrize("message", ["a\0b", "\x1b[31m", 3, "x" * 6000])
async def test_a_message_that_is_no_text_is_refused(api: Api, message: object) -> None:
    await api.parts.index.put(row())
    answer = await api.client.post(f"/api/v1/environments/{PREVIEW}/push", json={"message": message})
    assert (answer.status_code, answer.json()["reason"]) == (422, "Invalid")


async def test_a_refusal_is_passed_on_and_recorded(api: Api) -> None:
    await api.parts.index.put(row())
    api.owners.running.add("pr/gitea/3/7")
    api.owners.refusals["close"] = "It is stopped already, by ada."
    answer = await api.client.post(f"/api/v1/environments/{PREVIEW}/stop", json={"reason": "cost"})
    assert (answer.status_code, answer.json()) == (
        409,
        {"reason": "Refused", "message": "It is stopped already, by ada."},
    )
    [entry] = await api.parts.audit.list(PREVIEW)
    assert (entry.detail, entry.outcome) == ({"reason": "cost"}, "It is stopped already, by ada.")


@pytest.mark.parametrize(("namespace", "advice"), [(PREVIEW, "reopen it"), (STAGING, "make it anew")])
async def test_what_is_over_is_said_with_what_to_do(api: Api, namespace: str, advice: str) -> None:
    await api.parts.index.put(row(namespace, key=KEY if namespace == PREVIEW else None))
    answer = await api.client.post(f"/api/v1/environments/{namespace}/retry")
    assert (answer.status_code, answer.json()["reason"]) == (410, "Gone")
    assert advice in answer.json()["message"]


async def test_without_temporal_a_command_says_so(api: Api) -> None:
    await api.parts.index.put(row())
    api.owners.fail_next("ask", GatewayError("Temporal doesn't answer."))
    answer = await api.client.post(f"/api/v1/environments/{PREVIEW}/retry")
    assert (answer.status_code, answer.json()["message"]) == (503, "Temporal doesn't answer.")


async def test_a_command_of_absurd_size_is_refused(api: Api) -> None:
    await api.parts.index.put(row())
    body = {"env": {"KEY": "x" * 1_000_000}}
    assert (await api.client.post(f"/api/v1/environments/{PREVIEW}/override", json=body)).status_code == 413


@pytest.mark.parametrize(
    "path", ["?team=%00", "?project=%00", f"?pull_request={10**30}", "?pull_request=-1", "/%00", "/%00/logs/build"]
)
async def test_what_no_database_can_hold_is_a_mistake_of_the_caller(api: Api, path: str) -> None:
    answer = await api.client.get(f"/api/v1/environments{path}")
    assert answer.status_code == 422
