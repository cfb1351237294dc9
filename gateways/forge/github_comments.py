"""The one comment of ours on a pull request."""

import hashlib
from typing import NamedTuple

from activities.protocols import Comment, Reaction
from environments.model import PullRequestKey
from gateways.forge.errors import ForgeGone
from gateways.forge.github_accounts import Accounts
from gateways.forge.github_api import Caller, GitHubApi, Json
from gateways.forge.github_reading import GHOST, root_of
from gateways.forge.shared import remember


class _Place(NamedTuple):
    """Where it was last, and what was last written there."""

    id: int
    body: bytes
    """Its SHA-256."""


class Comments:
    def __init__(self, api: GitHubApi, accounts: Accounts) -> None:
        self._api, self._accounts = api, accounts
        self._places: dict[tuple[PullRequestKey, str], _Place] = {}

    async def put(self, caller: Caller, key: PullRequestKey, marker: str, body: str) -> None:
        """An edit costs one request; the same body again one, too, which looks whether it is still there."""
        known = self._places.pop((key, marker), None)
        if known is None or not await self._is_kept(caller, key, known, body):
            ours = await self._find_or_make(caller, key, marker, body)
            known = _Place(ours["id"], b"")
        remember(self._places, (key, marker), known._replace(body=_digest(body)))

    async def read(self, caller: Caller, key: PullRequestKey, comment: int) -> Comment | None:
        """Raises ForgeGone where there is none of that id; None: it is of another pull request."""
        found = await self._api.get(caller, f"{root_of(key.repository_id)}/issues/comments/{comment}")
        if found["issue_url"].rpartition("/")[2] != str(key.number):
            return None
        author = (found["user"] or {}).get("login", GHOST)
        me = await self._accounts.login()
        return Comment(author, found["body"] or "", is_ours=author.casefold() == me.casefold())

    async def react(self, caller: Caller, key: PullRequestKey, comment: int, reaction: Reaction) -> None:
        path = f"{root_of(key.repository_id)}/issues/comments/{comment}/reactions"
        await self._api.send(caller, "POST", path, {"content": reaction})

    async def _is_kept(self, caller: Caller, key: PullRequestKey, known: _Place, body: str) -> bool:
        """False when it was deleted."""
        path = f"{root_of(key.repository_id)}/issues/comments/{known.id}"
        try:
            if known.body == _digest(body) and (await self._api.get(caller, path))["body"] == body:
                return True
            await self._api.send(caller, "PATCH", path, {"body": body})
        except ForgeGone:
            return False
        return True

    async def _find_or_make(self, caller: Caller, key: PullRequestKey, marker: str, body: str) -> Json:
        issues = f"{root_of(key.repository_id)}/issues"
        ours = await self._ours(caller, f"{issues}/{key.number}/comments", marker)
        if ours is None:
            made: Json = await self._api.send(caller, "POST", f"{issues}/{key.number}/comments", {"body": body})
            return made
        if ours["body"] != body:
            await self._api.send(caller, "PATCH", f"{issues}/comments/{ours['id']}", {"body": body})
        return ours

    async def _ours(self, caller: Caller, path: str, marker: str) -> Json | None:
        """The oldest one with the marker: anybody can write the marker, but not under our account."""
        me = (await self._accounts.login()).casefold()
        async for page in self._api.pages(caller, path):
            for comment in page:
                author = (comment["user"] or {}).get("login", "")
                if author.casefold() == me and marker in (comment["body"] or ""):
                    return dict(comment)
        return None


def _digest(body: str) -> bytes:
    return hashlib.sha256(body.encode()).digest()
