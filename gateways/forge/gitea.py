"""Gitea and Forgejo over their HTTP API: activities.protocols.Forge."""

import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import quote, urlencode

import httpx

from activities.protocols import Comment, Credential, GatewayError, OpenPullRequest, Reaction
from environments.model import CommitSha, PullRequest, PullRequestKey, Repository
from gateways.forge.errors import ForgeGone
from gateways.forge.gitea_api import GiteaApi, Json
from gateways.forge.shared import STATUS_CONTEXT, origin, remember, repository_path, shortened

WRITING = frozenset({"write", "admin", "owner"})
SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
LOGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
MOST_FILES = 3000
"""Of a pull request that are looked at, as GitHub lists them."""
MAX_DESCRIPTION = 255
"""Characters of a commit status; Gitea keeps any length, but shows it in one line."""


class GiteaForge:
    """Implements Forge. `token`: of the account that the product acts under; what that account may see is what is served."""

    name = "gitea"

    def __init__(self, base_url: str, token: str, client: httpx.AsyncClient | None = None) -> None:
        self._origin = origin(base_url)
        self._token = token
        self._api = GiteaApi(base_url, token, client)
        self._account: Json | None = None
        self._paths: dict[int, str] = {}
        self._comments: dict[tuple[PullRequestKey, str], str] = {}
        self._texts: dict[tuple[int, str, str, int], str] = {}
        """By repository, commit, path and limit."""

    async def aclose(self) -> None:
        await self._api.aclose()

    async def pull_request(self, repository_id: int, number: int) -> PullRequest | None:
        try:
            repository = await self._repository(repository_id)
            found = await self._api.get(f"{_path(repository)}/pulls/{number}")
        except ForgeGone:
            return None
        return _pull_request(self.name, repository, found)

    async def open_pull_requests(self) -> Sequence[OpenPullRequest]:
        """By id, so that a repository made meanwhile moves none to another page."""
        found: list[OpenPullRequest] = []
        async for page in self._api.pages("/repos/search", {"sort": "id", "order": "asc"}):
            for repository in page["data"]:
                if repository["open_pr_counter"]:
                    found += await self._open_in(repository)
        return found

    async def put_comment(self, key: PullRequestKey, marker: str, body: str) -> None:
        """Raises ForgeGone, ForgeRefused, ForgeUnavailable. Not safe against itself: one write in flight (design: rule 8)."""
        known = self._comments.pop((key, marker), None)
        if known is None or not await self._is_edited(known, body):
            known = await self._find_or_make_comment(key, marker, body)
        remember(self._comments, (key, marker), known)

    async def _is_edited(self, comment: str, body: str) -> bool:
        """False when it was deleted, or its repository has another name by now: a comment's id is of one repository only."""
        try:
            await self._api.send("PATCH", comment, {"body": body})
        except GatewayError:
            return False
        return True

    async def _find_or_make_comment(self, key: PullRequestKey, marker: str, body: str) -> str:
        """Its path."""
        path = _path(await self._repository(key.repository_id))
        ours = await self._our_comment(f"{path}/issues/{key.number}/comments", marker)
        if ours is None:
            ours = await self._api.send("POST", f"{path}/issues/{key.number}/comments", {"body": body})
        elif ours["body"] != body:
            await self._api.send("PATCH", f"{path}/issues/comments/{ours['id']}", {"body": body})
        return f"{path}/issues/comments/{ours['id']}"

    async def comment(self, key: PullRequestKey, comment: int) -> Comment | None:
        """Raises ForgeRefused, ForgeUnavailable."""
        try:
            path = _path(await self._repository(key.repository_id))
            found = await self._api.get(f"{path}/issues/comments/{comment}")
        except ForgeGone:
            return None
        if not found or found["pull_request_url"].rpartition("/")[2] != str(key.number):
            return None
        author = found["user"] or {}
        return Comment(author.get("login", ""), found["body"], is_ours=author.get("id") == (await self._me())["id"])

    async def react(self, key: PullRequestKey, comment: int, reaction: Reaction) -> None:
        """Raises ForgeGone, ForgeRefused, ForgeUnavailable."""
        path = _path(await self._repository(key.repository_id))
        await self._api.send("POST", f"{path}/issues/comments/{comment}/reactions", {"content": reaction})

    async def put_status(
        self,
        key: PullRequestKey,
        sha: CommitSha,
        state: Literal["pending", "success", "failure", "error"],
        description: str,
        url: str | None,
    ) -> None:
        """Raises ForgeGone, ForgeRefused, ForgeUnavailable."""
        text = shortened(description, MAX_DESCRIPTION)
        status = {"context": STATUS_CONTEXT, "state": state, "description": text, "target_url": url or ""}
        known = self._paths.pop(key.repository_id, None)
        try:
            path = known or _path(await self._repository(key.repository_id))
            await self._api.send("POST", f"{path}/statuses/{sha}", status)
        except GatewayError:
            if known is None:
                raise
            # Renamed since, and another repository may have its name: that one doesn't know the commit.
            path = _path(await self._repository(key.repository_id))
            await self._api.send("POST", f"{path}/statuses/{sha}", status)
        remember(self._paths, key.repository_id, path)

    async def text_file(self, repository_id: int, ref: str, path: str, most_bytes: int) -> str | None:
        """Raises ForgeRefused, ForgeUnavailable."""
        known, is_commit = (repository_id, ref, path, most_bytes), SHA.fullmatch(ref) is not None
        if known in self._texts:
            return self._texts[known]
        # Where the repository was a moment ago, when it was looked at; whoever took that name since has no such commit.
        where = self._paths.get(repository_id) if is_commit else None
        text = await self._text_at(
            repository_id, where, f"/contents/{quote(path)}?{urlencode({'ref': ref})}", most_bytes
        )
        if is_commit and text is not None:
            remember(self._texts, known, text)  # what a commit holds never changes
        return text

    async def _text_at(self, repository_id: int, where: str | None, path: str, most_bytes: int) -> str | None:
        try:
            where = where or _path(await self._repository(repository_id))
            return _text(await self._api.get(f"{where}{path}"), most_bytes)
        except ForgeGone:
            return None

    async def changed_paths(self, key: PullRequestKey) -> tuple[str, ...] | None:
        """None from MOST_FILES on: whoever opens it decides how many there are. Raises ForgeGone, ForgeRefused, ForgeUnavailable."""
        repository = await self._repository(key.repository_id)
        found: dict[str, None] = {}
        async for page in self._api.pages(f"{_path(repository)}/pulls/{key.number}/files"):
            found |= {name: None for each in page for name in _names(each)}
            if len(found) >= MOST_FILES:
                return None
        return tuple(found)

    async def may_write(self, repository_id: int, login: str) -> bool:
        """Raises ForgeGone, ForgeRefused, ForgeUnavailable."""
        if not LOGIN.fullmatch(login):  # of a comment's payload: no dots that lead elsewhere
            return False
        repository = await self._repository(repository_id)
        try:
            found = await self._api.get(f"{_path(repository)}/collaborators/{quote(login, safe='')}/permission")
        except ForgeGone:
            return False
        return found["permission"] in WRITING

    async def clone_credential(self, repository_id: int, clone_url: str) -> Credential | None:
        """Also for public repositories: a forge, or an owner's visibility, may ask everybody to sign in."""
        if origin(clone_url) != self._origin:
            return None
        try:
            repository = await self._repository(repository_id)
        except ForgeGone:
            return None
        if repository_path(clone_url) != repository_path(repository["clone_url"]):
            return None
        return Credential((await self._me())["login"], self._token)

    async def _repository(self, repository_id: int) -> Json:
        """By what never changes; remembers where it is. Raises ForgeGone."""
        repository: Json = await self._api.get(f"/repositories/{repository_id}")
        remember(self._paths, repository_id, _path(repository))
        return repository

    async def _open_in(self, repository: Json) -> list[OpenPullRequest]:
        found: list[OpenPullRequest] = []
        try:
            async for page in self._api.pages(f"{_path(repository)}/pulls", {"state": "open", "sort": "oldest"}):
                found += [_open(self.name, repository, each) for each in page]
        except ForgeGone:  # deleted since the list of repositories was read
            return []
        return found

    async def _our_comment(self, path: str, marker: str) -> Json | None:
        """The oldest one with the marker: anybody can write the marker, but not under our account."""
        me = (await self._me())["id"]
        async for page in self._api.pages(path):
            for comment in page:
                if (comment["user"] or {}).get("id") == me and marker in comment["body"]:
                    return dict(comment)
        return None

    async def _me(self) -> Json:
        if self._account is None:
            self._account = await self._api.get("/user")
        return self._account


def _text(found: Any, most_bytes: int) -> str | None:
    """Of Gitea's contents, a list for a folder."""
    if not isinstance(found, dict) or found["type"] != "file" or found["size"] > most_bytes:
        return None
    try:
        return b64decode(found["content"] or "").decode()
    except UnicodeDecodeError:
        return None


def _names(file: Json) -> list[str]:
    return [name for name in (file["filename"], file.get("previous_filename")) if name]


def _path(repository: Json) -> str:
    """Numeric ids are what we keep, but only a repository itself can be asked for by id."""
    return f"/repos/{quote(repository['owner']['login'], safe='')}/{quote(repository['name'], safe='')}"


def _open(forge: str, repository: Json, found: Json) -> OpenPullRequest:
    key = PullRequestKey(forge=forge, repository_id=repository["id"], number=found["number"])
    return OpenPullRequest(key, CommitSha(found["head"]["sha"]))


def _pull_request(forge: str, repository: Json, found: Json) -> PullRequest:
    return PullRequest(
        key=PullRequestKey(forge=forge, repository_id=repository["id"], number=found["number"]),
        repository=_repository(repository),
        title=found["title"],
        author=found["user"]["login"],
        is_open=found["state"] == "open",
        is_merged=found["merged"],
        is_draft=found["draft"],
        head_sha=CommitSha(found["head"]["sha"]),
        head_branch=found["head"]["label"] or found["head"]["ref"],
        head_repository_id=_head_repository_id(found["head"]),
        base_branch=found["base"]["ref"],
        base_sha=CommitSha(found["base"]["sha"]) if found["base"]["sha"] else None,
        labels=tuple(label["name"] for label in found["labels"] or ()),
        url=found["html_url"],
    )


def _head_repository_id(head: Json) -> int | None:
    """None for a deleted fork, and for a pull request that was pushed to `refs/for/…`: everybody who can read the repository may
    do that, though the forge calls the base repository its head. Without this a stranger's code would count as the team's."""
    return head["repo_id"] if head["repo"] and head["label"] else None


def _repository(found: Json) -> Repository:
    return Repository(
        id=found["id"],
        owner_id=found["owner"]["id"],
        owner=found["owner"]["login"],
        name=found["name"],
        clone_url=found["clone_url"],
        default_branch=found["default_branch"],
        is_private=found["private"] or found["internal"],
    )
