"""Requests to GitHub when the other side misbehaves: bounds, refusals, rate limits."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from github.Auth import Token

from activities.protocols import ForgeRefused, GatewayError
from gateways.forge import github_api, github_connection
from gateways.forge.errors import ForgeGone, ForgeSignedOut, ForgeUnavailable
from gateways.forge.github import GitHubForge
from gateways.forge.github_api import AT_ONCE, Caller, GitHubApi
from gateways.forge.github_limits import Limits
from tests.gateways.github_stub import Stub, private_key, reply
from tests.patience import PATIENCE_SECONDS

SECRET = "ghs_secret"
ONE, OTHER = Caller("installation 1", Token(SECRET)), Caller("installation 2", Token("ghs_other"))
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@contextmanager
def stub(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[Stub]:
    made = Stub(answer)
    try:
        yield made
    finally:
        made.stop()


@asynccontextmanager
async def api(url: str, limits: Limits | None = None) -> AsyncIterator[GitHubApi]:
    made = GitHubApi(url, limits)
    try:
        yield made
    finally:
        await made.aclose()


class TestParking:
    async def test_while_one_waits_nothing_is_sent_for_it(self) -> None:
        def refuse_one(handler: BaseHTTPRequestHandler) -> None:
            is_one = SECRET in str(handler.headers["Authorization"])
            reply(handler, 403, json.dumps({"message": SECONDARY}), Retry_After="60") if is_one else reply(handler, 200)

        with stub(refuse_one) as server:
            async with api(server.url) as asking:
                for _ in range(3):
                    with pytest.raises(ForgeUnavailable) as raised:
                        await asking.get(ONE, "/one")
                    assert raised.value.retry_after and raised.value.retry_after > timedelta(seconds=50)
                await asking.get(OTHER, "/other")
            assert server.asked == ["GET /one", "GET /other"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "error", "advice"),
        [
            (401, ForgeSignedOut, "Check the id, private key and permissions of the GitHub App"),
            (403, ForgeRefused, "whether its installation accepted them"),
            (404, ForgeGone, "or the GitHub App isn't installed there: its owner must install it"),
            (410, ForgeGone, "It was deleted"),
            (422, ForgeRefused, "because"),
            (500, ForgeUnavailable, "because"),
            (502, ForgeUnavailable, "because"),
        ],
    )
    async def test_say_what_where_and_what_to_do(self, status: int, error: type[GatewayError], advice: str) -> None:
        body = json.dumps({"message": "because"})
        with stub(lambda handler: reply(handler, status, body)) as server:
            async with api(server.url) as asking:
                with pytest.raises(error, match=f"answered {status} to POST /x: because") as raised:
                    await asking.send(ONE, "POST", "/x")
        assert advice in str(raised.value) and type(raised.value) is error
        assert SECRET not in str(raised.value)

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    async def test_no_redirection_is_followed(self, status: int) -> None:
        with stub(lambda handler: reply(handler, 200)) as elsewhere:
            location = f"{elsewhere.url}/x"
            with stub(lambda handler: reply(handler, status, Location=location)) as server:
                async with api(server.url) as asking:
                    with pytest.raises(ForgeUnavailable, match=f"answered {status} to GET /x"):
                        await asking.get(ONE, "/x")
                assert len(server.asked) == 1
            assert elsewhere.asked == []

    @pytest.mark.parametrize("status", [200, 404])
    async def test_a_proxys_page_is_no_answer(self, status: int) -> None:
        with stub(lambda handler: reply(handler, status, "<html>no</html>")) as server:
            forge = GitHubForge.with_token(server.url, SECRET)
            with pytest.raises(ForgeUnavailable, match=r"GitHub's API|the forge's API"):
                await forge.pull_request(1, 1)
            await forge.aclose()

    async def test_told_to_come_back_later_it_does_not_for_ever(self) -> None:
        with stub(lambda handler: reply(handler, 202)) as server:
            async with api(server.url) as asking:
                with pytest.raises(ForgeUnavailable, match="come back later"):
                    await asking.get(ONE, "/x")
            assert len(server.asked) == 1

    async def test_nobody_there_is_worth_another_try(self) -> None:
        async with api("http://127.0.0.1:9") as asking:
            with pytest.raises(ForgeUnavailable, match="didn't answer GET /x: ConnectionError"):
                await asking.get(ONE, "/x")


class TestBounds:
    async def test_silence_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(github_connection, "READ_SECONDS", 0.2)
        release = threading.Event()

        def hang(handler: BaseHTTPRequestHandler) -> None:
            release.wait(PATIENCE_SECONDS)

        with stub(hang) as server:
            async with api(server.url) as asking:
                with pytest.raises(ForgeUnavailable, match="didn't answer GET /x: ReadTimeout"):
                    await asking.get(ONE, "/x")
            release.set()

    async def test_an_answer_in_drops_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(github_connection, "READ_SECONDS", 0.5)
        monkeypatch.setattr(github_connection, "CHUNK", 1)
        over = threading.Event()

        def drip(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "100000")
            handler.end_headers()
            while not over.wait(0.05):
                handler.wfile.write(b" ")

        with stub(drip) as server:
            async with api(server.url) as asking:
                with pytest.raises(ForgeUnavailable, match="too long, or comes too slowly"):
                    await asking.get(ONE, "/x")
            over.set()

    async def test_an_answer_without_end_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(github_connection, "MOST_BYTES", 1000)
        with stub(lambda handler: reply(handler, 200, " " * 2000)) as server:
            async with api(server.url) as asking:
                with pytest.raises(ForgeUnavailable, match="too long"):
                    await asking.get(ONE, "/x")

    async def test_cancelled_calls_lose_no_thread(self) -> None:
        """As many as there are threads are given up while the forge hangs; once it answers, all threads work again."""
        release, seen = threading.Event(), threading.Semaphore(0)

        def hang(handler: BaseHTTPRequestHandler) -> None:
            seen.release()
            release.wait(PATIENCE_SECONDS)
            reply(handler, 200)

        with stub(hang) as server:
            async with api(server.url) as asking:
                given_up = [asyncio.create_task(asking.get(ONE, "/x")) for _ in range(AT_ONCE)]
                waiting = asyncio.create_task(asking.get(ONE, "/waiting"))
                for _ in range(AT_ONCE):
                    assert await asyncio.to_thread(seen.acquire, timeout=PATIENCE_SECONDS)
                began = time.monotonic()
                for task in (*given_up, waiting):
                    task.cancel()
                await asyncio.gather(*given_up, waiting, return_exceptions=True)
                assert time.monotonic() - began < PATIENCE_SECONDS and all(task.cancelled() for task in given_up)
                assert len(server.asked) == AT_ONCE
                release.set()
                await asyncio.gather(*(asking.get(ONE, "/again") for _ in range(2 * AT_ONCE)))
            assert "GET /waiting" not in server.asked

    async def test_a_call_ends_even_when_no_thread_is_free(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(github_api, "CALL_SECONDS", 0.3)
        release = threading.Event()

        def hang(handler: BaseHTTPRequestHandler) -> None:
            release.wait(PATIENCE_SECONDS)
            reply(handler, 200)

        with stub(hang) as server:
            async with api(server.url) as asking:
                calls = [asking.get(ONE, "/x") for _ in range(AT_ONCE + 2)]
                ended = await asyncio.gather(*calls, return_exceptions=True)
                assert [type(each) for each in ended] == [ForgeUnavailable] * len(calls)
                release.set()

    async def test_threads_dont_mix_up_their_requests(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """PyGithub hands a request to its connection and then asks it for the answer: others take their turn in between."""
        hand_over = github_connection.Connection.request

        def slowly(*args: Any, **options: Any) -> None:
            hand_over(*args, **options)
            time.sleep(0.002)

        monkeypatch.setattr(github_connection.Connection, "request", slowly)
        with stub(lambda handler: reply(handler, 200, json.dumps({"path": handler.path}))) as server:
            async with api(server.url) as asking:
                told = await asyncio.gather(*(asking.get(ONE, f"/{number}") for number in range(200)))
        assert [each["path"] for each in told] == [f"/{number}" for number in range(200)]


async def test_an_app_serves_also_where_it_is_told_to_have_no_permissions() -> None:
    """As GitHub tells each installation of its repositories."""
    answers: dict[str, object] = {
        "/app/installations": [{"id": 7}],
        "/app/installations/7/access_tokens": {"token": SECRET, "expires_at": "2999-01-01T00:00:00Z"},
        "/installation/repositories": {
            "repositories": [{"id": 5, "open_issues_count": 1, "permissions": {"admin": False, "push": False}}]
        },
        "/repositories/5/pulls": [{"number": 3, "head": {"sha": "a" * 40}}],
    }
    with stub(lambda handler: reply(handler, 200, json.dumps(answers[handler.path.partition("?")[0]]))) as server:
        forge = GitHubForge.with_app(server.url, "1", private_key())
        assert [each.key.number for each in await forge.open_pull_requests()] == [3]
        await forge.aclose()


async def test_a_person_serves_what_they_may_push_to() -> None:
    rows = [
        {"id": each, "open_issues_count": 1, "permissions": {"pull": True, "push": each == 5}} for each in (4, 5, 6)
    ]
    answers: dict[str, object] = {
        "/user/repos": rows,
        "/repositories/5/pulls": [{"number": 3, "head": {"sha": "a" * 40}}],
    }
    with stub(lambda handler: reply(handler, 200, json.dumps(answers[handler.path.partition("?")[0]]))) as server:
        forge = GitHubForge.with_token(server.url, SECRET)
        assert [(each.key.repository_id, each.key.number) for each in await forge.open_pull_requests()] == [(5, 3)]
        await forge.aclose()
        assert len(server.asked) == 2


async def test_tokens_are_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG the library would log a whole answer, and with it the token that it gives away."""
    for name in (None, "github"):
        caplog.set_level(logging.DEBUG, name)
    with stub(lambda handler: reply(handler, 200, json.dumps({"token": "ghs_given"}))) as server:
        async with api(server.url) as asking:
            assert (await asking.send(ONE, "POST", "/app/installations/1/access_tokens"))["token"] == "ghs_given"
        assert server.authorizations == [f"token {SECRET}"]
    assert caplog.records and "ghs_" not in caplog.text
