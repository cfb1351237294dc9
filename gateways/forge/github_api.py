"""Requests to GitHub's API by PyGithub, which blocks: in few threads, bounded, never redirected, failures as in gateways.forge.errors."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import github
import requests
from github.Auth import Auth
from requests.structures import CaseInsensitiveDict

from gateways.forge.errors import Advice, Answer, ForgeUnavailable, error_from
from gateways.forge.github_connection import Connection, Unusable, connect
from gateways.forge.github_limits import Limits

AT_ONCE = 8
"""Threads, and connections."""
CALL_SECONDS = 60.0
"""Of one call, with the wait for a thread."""
PAGE = 100
"""GitHub's most."""
MAX_PAGES = 1000
API_VERSION = "2022-11-28"
ADVICE = Advice(
    gone="It was deleted, or the GitHub App isn't installed there: its owner must install it on that repository, or the account of "
    "the token needs access to it.",
    refused="Check the id, private key and permissions of the GitHub App and whether its installation accepted them, the account "
    "of the token and its scopes, and this machine's clock.",
)

Json = dict[str, Any]

# At DEBUG PyGithub logs whole answers, and with them the tokens that it is given, whatever level its other parts have.
logging.getLogger("github.Requester").setLevel(logging.INFO)


class Caller(NamedTuple):
    """Who asks."""

    name: str
    """Whose rate limit it is: `installation 7`; in messages, too, and so no secret."""
    auth: Auth


class GitHubApi:
    """`base_url`: `https://api.github.com`, or `https://<host>/api/v3` of an Enterprise Server."""

    def __init__(self, base_url: str, limits: Limits | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._limits = limits or Limits()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="github")
        self._mine = threading.local()
        self._connections: list[Connection] = []

    async def aclose(self) -> None:
        """Calls under way end by themselves, soon (gateways.forge.github_connection)."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for connection in self._connections:
            connection.close()

    async def get(self, caller: Caller, path: str, query: Mapping[str, str] | None = None) -> Any:
        return content(await self.request(caller, "GET", path, query))

    async def send(self, caller: Caller, verb: str, path: str, body: Json | None = None) -> Any:
        return content(await self.request(caller, verb, path, body=body or {}))

    async def pages(self, caller: Caller, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[Any]:
        """The content of each page."""
        for page in range(1, MAX_PAGES + 1):
            answer = await self.request(caller, "GET", path, on_page(page, query))
            found = content(answer)
            yield found
            if not has_next(answer, len(found)):
                return
        raise ForgeUnavailable(f"GET {path} on GitHub has more than {MAX_PAGES} pages.")

    async def request(
        self,
        caller: Caller,
        verb: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Json | None = None,
        etag: str | None = None,
    ) -> Answer:
        """A success, or 304 to one with `etag`. Raises ForgeRefused (ForgeGone, ForgeSignedOut), ForgeUnavailable."""
        self._limits.check(caller.name)
        what = f"{verb} {path}"
        answer = await self._in_thread(caller, verb, path, query, body, etag)
        self._limits.learn(caller.name, answer, what)
        if not (answer.status < 300 or (answer.status == 304 and etag)):
            raise error_from(answer, what, ADVICE)
        return answer

    async def _in_thread(self, caller: Caller, verb: str, path: str, *rest: Any) -> Answer:
        """Cancelled, it is over at once; a thread that has begun then ends with its request and is free for the next one."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await loop.run_in_executor(self._threads, partial(self._request, caller, verb, path, *rest))
        except TimeoutError as error:
            raise ForgeUnavailable(f"GitHub didn't answer {verb} {path} within {CALL_SECONDS:.0f} s.") from error
        except (requests.RequestException, OSError) as error:
            # Its type says what people can act on; the library's own texts are about objects in memory.
            why = str(error) if isinstance(error, Unusable) else type(error).__name__
            raise ForgeUnavailable(f"GitHub didn't answer {verb} {path}: {why}.") from error

    def _request(
        self,
        caller: Caller,
        verb: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Json | None,
        etag: str | None,
    ) -> Answer:
        """In a thread. Its connection is its own: PyGithub keeps the request under way in it."""
        headers = {"Accept": "application/vnd.github+json"} | ({"If-None-Match": etag} if etag else {})
        client = github.Github(
            auth=caller.auth,
            base_url=self._base_url,
            user_agent="catalyst",
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
            api_version=API_VERSION,
        )
        status, answered, text = client.requester.requestJson(
            verb, path, dict(query or {}), headers, body, cnx=self._connection()
        )
        return Answer(status, CaseInsensitiveDict(answered), text)

    def _connection(self) -> Connection:
        if not hasattr(self._mine, "connection"):
            self._mine.connection = connect(self._base_url)
            self._connections.append(self._mine.connection)
        found: Connection = self._mine.connection
        return found


def on_page(page: int, query: Mapping[str, str] | None = None) -> dict[str, str]:
    return {"per_page": str(PAGE), "page": str(page), **(query or {})}


def has_next(answer: Answer, items: int) -> bool:
    """Also after a full page without a link: when a page's content stays as it was, so may what was known of its link."""
    return 'rel="next"' in answer.headers.get("Link", "") or items >= PAGE


def content(answer: Answer) -> Any:
    try:
        return json.loads(answer.text) if answer.text else None
    except ValueError as error:
        text = "What answered is not GitHub's API. Check CATALYST_GITHUB__URL and what stands before it."
        raise ForgeUnavailable(text) from error
