"""Every open pull request on GitHub."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from activities.protocols import GatewayError, OpenPullRequest
from environments.model import CommitSha, PullRequestKey
from gateways.forge.errors import ForgeGone
from gateways.forge.github_accounts import Accounts, in_installation
from gateways.forge.github_api import Caller, GitHubApi
from gateways.forge.github_unchanged import Rows, Unchanged

LOG = logging.getLogger("catalyst.forge.github")
AT_ONCE = 4
"""Repositories, half as many as threads: a listing holds up nobody's comment."""
BY_CREATION = {"sort": "created", "direction": "asc"}
"""What is new comes last and moves nothing to another page."""


class _Repository(NamedTuple):
    id: int
    has_open: bool
    """Issues or pull requests, which GitHub counts together."""


class _Listed(NamedTuple):
    """Of one installation."""

    repositories: Sequence[_Repository]
    failures: Sequence[GatewayError]
    """As many as repositories: nothing could be listed."""


class Listing:
    """Remembers what was open where: what can't be listed now is as it was then, and not closed."""

    def __init__(self, forge: str, api: GitHubApi, accounts: Accounts) -> None:
        self._forge, self._accounts, self._lists = forge, accounts, Unchanged(api)
        self._repositories: dict[int, Sequence[_Repository]] = {}
        """By installation."""
        self._open: dict[int, Sequence[OpenPullRequest]] = {}
        """By repository."""
        self._slots, self._one = asyncio.Semaphore(AT_ONCE), asyncio.Lock()

    async def open_pull_requests(self) -> Sequence[OpenPullRequest]:
        """Raises GatewayError when nothing could be listed."""
        async with self._one:
            installations = await self._accounts.installations()
            listed = await asyncio.gather(*(self._of_installation(each) for each in installations))
            if listed and all(each.failures and len(each.failures) >= len(each.repositories) for each in listed):
                raise listed[0].failures[0]
            served = {repository.id for each in listed for repository in each.repositories}
            self._forget_all_but(installations, served)
            return [found for repository in served for found in self._open.get(repository, ())]

    async def _of_installation(self, installation: int) -> _Listed:
        try:
            repositories = await in_installation(self._accounts, installation, partial(self._served, installation))
            caller = await self._accounts.of_installation(installation)
        except GatewayError as error:
            LOG.warning("%s can't be listed, what is open there is what was last seen: %s", _name(installation), error)
            known = self._repositories.get(installation, ())
            return _Listed(known, [error] * max(len(known), 1))
        self._repositories[installation] = repositories
        return _Listed(repositories, await self._of_repositories(caller, repositories))

    async def _served(self, installation: int, caller: Caller) -> Sequence[_Repository]:
        def read(rows: Rows) -> tuple[_Repository, ...]:
            served = filter(self._accounts.serves, rows)
            return tuple(_Repository(row["id"], row["open_issues_count"] > 0) for row in served)

        return await self._lists.items(_name(installation), caller, self._accounts.repositories, BY_CREATION, read)

    async def _of_repositories(self, caller: Caller, repositories: Iterable[_Repository]) -> list[GatewayError]:
        told = await asyncio.gather(*(self._of_repository(caller, each) for each in repositories))
        failures = [error for error in told if error is not None]
        if failures:
            text = "%d repositories of %s can't be listed, what is open there is what was last seen: %s"
            LOG.warning(text, len(failures), caller.name, failures[0])
        return failures

    async def _of_repository(self, caller: Caller, repository: _Repository) -> GatewayError | None:
        try:
            async with self._slots:
                self._open[repository.id] = await self._opened(caller, repository) if repository.has_open else ()
        except ForgeGone:  # deleted since the list of repositories was read
            self._open[repository.id] = ()
        except GatewayError as error:
            return error
        return None

    async def _opened(self, caller: Caller, repository: _Repository) -> Sequence[OpenPullRequest]:
        def read(rows: Rows) -> tuple[OpenPullRequest, ...]:
            return tuple(_open(self._forge, repository.id, row["number"], row["head"]["sha"]) for row in rows)

        query = {"state": "open", **BY_CREATION}
        return await self._lists.items(repository.id, caller, f"/repositories/{repository.id}/pulls", query, read)

    def _forget_all_but(self, installations: Iterable[int], served: set[int]) -> None:
        self._repositories = {each: self._repositories[each] for each in installations if each in self._repositories}
        self._open = {each: self._open[each] for each in served if each in self._open}
        self._lists.keep({*served, *map(_name, installations)})


def _name(installation: int) -> str:
    return f"installation {installation}" if installation else "the token's account"


def _open(forge: str, repository_id: int, number: int, sha: str) -> OpenPullRequest:
    return OpenPullRequest(PullRequestKey(forge=forge, repository_id=repository_id, number=number), CommitSha(sha))
