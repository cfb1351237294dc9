"""Stored deliveries reach Temporal: in order, in the end, and once."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from activities.protocols import GatewayError, IndexRow
from api import dispatcher as module
from api.dispatcher import Dispatcher
from api.metrics import Metrics
from environments.model import Phase, PullRequestKey
from environments.report import EnvironmentReport
from environments.work import CommentRequest
from tests.api.conftest import Api, comment, pull_request, push
from tests.patience import PATIENCE_SECONDS
from tests.postgresql import Place

AWAY = GatewayError("Temporal doesn't answer.")


async def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def waiting(api: Api) -> int:
    return (await api.parts.deliveries.waiting()).count


def signals(api: Api, number: int = 7) -> list[str]:
    return [each.name for each in api.owners.told if each.workflow_id == f"pr/gitea/3/{number}"]


def shown(number: int, branch: str) -> IndexRow:
    """An environment in the index that shows a pull request's branch."""
    report = EnvironmentReport(uid=f"u{number}", phase=Phase.READY)
    return IndexRow(
        namespace=f"ada-shop-pr-{number}",
        uid=f"u{number}",
        team="ada",
        project="shop",
        environment=f"pr-{number}",
        pull_request=PullRequestKey(forge="gitea", repository_id=3, number=number),
        branch=branch,
        report=report.model_dump(mode="json"),
    )


async def test_each_action_says_what_it_should(api: Api) -> None:
    for action in ("opened", "synchronized", "label_updated", "closed", "reopened"):
        await api.webhook(pull_request(action), delivery=action)
    await api.dispatcher.hand_on()
    assert signals(api) == ["look", "new_commit", "look", "close", "look"]
    assert [each.request.by for each in api.owners.told if each.request] == ["bob"] * 5
    assert [each.request.delivery for each in api.owners.told if each.request][:2] == ["opened", "synchronized"]
    asks = [each.request.asked_at is not None for each in api.owners.told if each.request]
    assert asks == [True, True, False, False, True], "for a URL"
    assert await waiting(api) == 0


async def test_a_push_wakes_the_pull_requests_of_its_branch(api: Api) -> None:
    for number, branch in ((7, "fix"), (8, "other"), (9, "fix")):
        await api.parts.index.put(shown(number, branch))
        api.owners.running.add(f"pr/gitea/3/{number}")
    await api.webhook(push("refs/heads/fix"), event="push")
    await api.dispatcher.hand_on()
    assert [signals(api, number) for number in (7, 8, 9)] == [["look"], [], ["look"]]
    assert all(each.request and each.request.asked_at for each in api.owners.told), "it asks for a URL"
    assert await waiting(api) == 0


async def test_a_push_starts_nothing(api: Api) -> None:
    await api.parts.index.put(shown(7, "fix"))
    for branch in ("fix", "unknown"):
        await api.webhook(push(f"refs/heads/{branch}"), event="push")
    await api.dispatcher.hand_on()
    assert (api.owners.told, api.owners.running, await waiting(api)) == ([], set(), 0)


async def test_a_push_that_could_not_be_told_to_all_is_told_again(api: Api) -> None:
    for number in (7, 8):
        await api.parts.index.put(shown(number, "fix"))
        api.owners.running.add(f"pr/gitea/3/{number}")
    api.owners.broken.add("pr/gitea/3/8")
    await api.webhook(push("refs/heads/fix"), event="push")
    await api.dispatcher.hand_on()
    assert await waiting(api) == 1
    api.owners.broken.clear()
    await asyncio.sleep(module.FIRST_PAUSE)
    await api.dispatcher.hand_on()
    assert (signals(api, 8), await waiting(api)) == (["look"], 0)


async def test_each_comment_with_a_command_is_handed_on_once(api: Api) -> None:
    api.owners.running.add("pr/gitea/3/7")
    for number, body in ((1, "/preview stop"), (2, "Thanks!"), (3, "Well.\n\n/Preview start"), (3, "/preview start")):
        await api.webhook(comment(number, body), event="issue_comment", delivery=f"comment-{number}")
    await api.webhook(comment(4, "/preview stop") | {"action": "edited"}, event="issue_comment")
    await api.webhook(comment(5, "/preview stop", on_pull_request=False), event="issue_comment")
    await api.dispatcher.hand_on()
    assert signals(api) == ["commented", "commented"]
    assert [each.request.comment for each in api.owners.told if isinstance(each.request, CommentRequest)] == [1, 3]
    assert await waiting(api) == 0


async def test_closed_starts_nothing(api: Api) -> None:
    for action in ("closed", "label_updated"):
        await api.webhook(pull_request(action))
    await api.dispatcher.hand_on()
    assert (api.owners.told, api.owners.running, await waiting(api)) == ([], set(), 0)


async def test_what_changes_no_preview_never_gets_there(api: Api) -> None:
    for event, payload in (
        ("push", {"ref": "main"}),
        ("push", push("refs/tags/v1")),
        ("issue_comment", {}),
        ("pull_request", {"action": "opened"}),
    ):
        answer = await api.webhook(payload, event=event)
        assert (answer.status_code, answer.json()["status"]) == (202, "ignored")
        assert answer.json()["reason"]
    await api.dispatcher.hand_on()
    assert api.owners.calls == []


async def test_an_hour_without_temporal_loses_nothing(api: Api) -> None:
    api.owners.fail_next("wake", AWAY, times=10_000)
    for number in range(1, 41):
        await api.webhook(pull_request("opened", number))
        await api.webhook(pull_request("synchronized", number))
    for _ in range(3):
        await api.dispatcher.hand_on()
    assert await waiting(api) == 80
    api.owners.heal()
    restarted = Dispatcher(api.parts.deliveries, api.parts.index, api.owners, Metrics())
    await restarted.hand_on()
    assert await waiting(api) == 0
    assert all(signals(api, number) == ["look", "new_commit"] for number in range(1, 41))


async def test_a_burst_of_pushes_is_one_signal(api: Api) -> None:
    actions = ["opened", *["synchronized"] * 20, "closed", "reopened", "synchronized"]
    for each, action in enumerate(actions):
        await api.webhook(pull_request(action), delivery=f"d-{each}")
    await api.dispatcher.hand_on()
    assert signals(api) == ["look", "new_commit", "close", "look", "new_commit"]
    assert [each.request.delivery for each in api.owners.told if each.request][1] == "d-20"
    assert await waiting(api) == 0
    assert api.metric("catalyst_deliveries_handed_total", result="accepted") == len(actions)


async def test_attempts_and_the_last_error_are_kept(api: Api) -> None:
    await api.webhook(pull_request("opened"))
    api.owners.fail_next("wake", AWAY)
    await api.dispatcher.hand_on()
    async with api.database.read() as session:
        row = (await session.execute(text("SELECT attempts, reason, state FROM deliveries"))).one()
    assert tuple(row) == (1, "Temporal doesn't answer.", "pending")


async def test_a_later_delivery_does_not_overtake_one_that_failed(api: Api) -> None:
    for action in ("opened", "synchronized", "closed"):
        await api.webhook(pull_request(action))
    api.owners.fail_next("wake", AWAY)
    await api.dispatcher.hand_on()
    await api.webhook(pull_request("reopened"))
    await api.dispatcher.hand_on()
    assert signals(api) == []
    await asyncio.sleep(module.FIRST_PAUSE)
    await api.dispatcher.hand_on()
    assert signals(api) == ["look", "new_commit", "close", "look"]


async def test_one_that_fails_forever_holds_up_only_its_own(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    api.owners.broken.add("pr/gitea/3/1")
    for action in ("opened", "synchronized", "label_updated", "closed"):
        await api.webhook(pull_request(action, number=1))
    await api.dispatcher.hand_on()
    for number in range(2, 9):
        await api.webhook(pull_request("opened", number))
    await api.dispatcher.hand_on()
    assert await waiting(api) == 4
    assert [signals(api, number) for number in range(1, 9)] == [[]] + [["look"]] * 7


async def test_a_hanging_call_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CALL", timedelta(seconds=0.05))
    api.owners.hangs.add("wake")
    await api.webhook(pull_request("opened"))
    await api.dispatcher.hand_on()
    assert [each.attempts for each in await api.parts.deliveries.pending(1)] == [1]


async def test_a_new_delivery_wakes_it_at_once(api: Api) -> None:
    async with api.app.router.lifespan_context(api.app):
        await asyncio.sleep(0.05)
        await api.webhook(pull_request("opened"))
        await until(lambda: api.metric("catalyst_deliveries_handed_total", result="accepted") == 1, seconds=2)
    assert signals(api) == ["look"]


async def test_it_outlives_a_database_that_was_away(api: Api, place: Place) -> None:
    async with api.app.router.lifespan_context(api.app):
        place.take_away()
        api.dispatcher.wake()
        await asyncio.sleep(0.1)
        place.give_back()
        await api.webhook(pull_request("opened"))
        await until(lambda: signals(api) == ["look"])


async def test_a_stored_body_that_cannot_be_read_is_put_aside(api: Api) -> None:
    await api.parts.deliveries.add("gitea", "odd", "pull_request", b"[" * 200_000)
    await api.webhook(pull_request("opened"))
    await api.dispatcher.hand_on()
    assert (signals(api), await waiting(api)) == (["look"], 0)
