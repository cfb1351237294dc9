"""Who the platform is on GitHub: an App with its installations, or the account of a personal token."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, TypeVar

from github.Auth import AppAuth, Token

from activities.protocols import ForgeRefused
from gateways.forge.errors import Answer, ForgeGone, ForgeSignedOut
from gateways.forge.github_api import Caller, GitHubApi, Json, content
from gateways.forge.github_limits import said_at
from gateways.forge.shared import MOST_PLACES, remember

RENEWED_SECONDS = 600.0
"""Before its end a token is no longer handed out: what begins with it, as a clone, ends with it."""

Result = TypeVar("Result")


class Accounts(Protocol):
    """An App or a person: who asks about which repository."""

    async def login(self) -> str:
        """Of the account that our comments are of."""
        ...

    async def caller(self, repository_id: int) -> Caller:
        """Raises ForgeGone where we have no access, ForgeRefused, ForgeUnavailable."""
        ...

    async def another(self, repository_id: int, caller: Caller, error: ForgeRefused) -> Caller | None:
        """Instead of one that met the error; None: there is no other."""
        ...

    async def clone_token(self, repository_id: int) -> str:
        """For git over HTTP."""
        ...

    async def installations(self) -> Sequence[int]:
        """Ids of those whose repositories are served; 0: of a person."""
        ...

    async def of_installation(self, installation: int) -> Caller: ...

    def forget(self, caller: Caller) -> None:
        """Its token was refused: the next one has another, where there is one."""
        ...

    repositories: str
    """Path of the list of a caller's repositories."""

    def serves(self, repository: Json) -> bool:
        """Of one of that list."""
        ...


async def in_repository(accounts: Accounts, repository_id: int, work: Callable[[Caller], Awaitable[Result]]) -> Result:
    """The work as whoever has access there; once more when a token was withdrawn, or the repository has another owner since: then
    it is gone for the former owner's installation, or a public one only not theirs to write to."""
    caller = await accounts.caller(repository_id)
    try:
        return await work(caller)
    except ForgeRefused as error:
        another = await accounts.another(repository_id, caller, error)
        if another is None:
            raise
    return await work(another)


async def in_installation(accounts: Accounts, installation: int, work: Callable[[Caller], Awaitable[Result]]) -> Result:
    """The work as that installation; once more when its token was withdrawn."""
    caller = await accounts.of_installation(installation)
    try:
        return await work(caller)
    except ForgeSignedOut:
        accounts.forget(caller)
    return await work(await accounts.of_installation(installation))


class PersonalAccount:
    """Implements Accounts. Serves the repositories that the account may push to."""

    repositories = "/user/repos"

    def __init__(self, api: GitHubApi, token: str) -> None:
        self._api, self._token = api, token
        self._caller = Caller("the token's account", Token(token))
        self._login = ""

    async def login(self) -> str:
        if not self._login:
            self._login = (await self._api.get(self._caller, "/user"))["login"]
        return self._login

    async def caller(self, repository_id: int) -> Caller:
        return self._caller

    async def another(self, repository_id: int, caller: Caller, error: ForgeRefused) -> Caller | None:
        return None

    async def clone_token(self, repository_id: int) -> str:
        return self._token

    async def installations(self) -> Sequence[int]:
        return [0]

    async def of_installation(self, installation: int) -> Caller:
        return self._caller

    def forget(self, caller: Caller) -> None: ...

    def serves(self, repository: Json) -> bool:
        return bool(repository["permissions"]["push"])


class _Grant(NamedTuple):
    """An installation token."""

    token: str
    until: float
    """By the App's clock."""


class GitHubApp:
    """Implements Accounts. Serves all repositories that the App is installed on.

    PyGithub's own AppInstallationAuth isn't used: it asks for a token in whatever thread needs one, through a connection of its
    own without our bounds, and only 20 seconds before the old one's end, which is too late for a clone.
    """

    repositories = "/installation/repositories"

    def __init__(
        self, api: GitHubApi, app_id: str, private_key: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`private_key`: PEM. Raises ValueError for one that can't sign."""
        self._api, self._clock = api, clock
        self._caller = Caller("the GitHub App", _signing(app_id, private_key))
        self._slug = ""
        self._installations: dict[int, int] = {}
        """By repository."""
        self._grants: dict[tuple[int, int | None], _Grant] = {}
        """By installation and, of those for git, repository."""
        self._granting: dict[tuple[int, int | None], asyncio.Lock] = {}

    async def login(self) -> str:
        if not self._slug:
            self._slug = (await self._api.get(self._caller, "/app"))["slug"]
        return f"{self._slug}[bot]"

    async def caller(self, repository_id: int) -> Caller:
        known = self._installations.get(repository_id)
        if known is not None:
            try:
                return await self.of_installation(known)
            except ForgeGone:
                pass  # Uninstalled there since; perhaps installed anew, under another id.
        return await self.of_installation(await self._find(repository_id))

    async def another(self, repository_id: int, caller: Caller, error: ForgeRefused) -> Caller | None:
        if isinstance(error, ForgeSignedOut):
            self.forget(caller)
            return await self.caller(repository_id)
        # Compared with the caller, not with what is remembered: another call may have found the new one meanwhile.
        now = await self.of_installation(await self._find(repository_id))
        return None if now.name == caller.name else now

    async def clone_token(self, repository_id: int) -> str:
        """For this repository and no other one: it goes to programs that work on its content."""
        known = self._installations.get(repository_id)
        return await self._granted(await self._find(repository_id) if known is None else known, repository_id)

    async def installations(self) -> Sequence[int]:
        """Suspended ones, too: what can't be listed there is not closed for that."""
        pages = self._api.pages(self._caller, "/app/installations")
        return [each["id"] async for page in pages for each in page]

    async def of_installation(self, installation: int) -> Caller:
        return Caller(f"installation {installation}", Token(await self._granted(installation)))

    def serves(self, repository: Json) -> bool:
        """Not by its `permissions`: GitHub tells an App that it has none there."""
        return True

    async def _find(self, repository_id: int) -> int:
        """The installation that has the repository. Raises ForgeGone."""
        found: Json = await self._api.get(self._caller, f"/repositories/{repository_id}/installation")
        remember(self._installations, repository_id, found["id"])
        return int(found["id"])

    async def _granted(self, installation: int, repository_id: int | None = None) -> str:
        """Its token; one request at a time for the same one."""
        place = installation, repository_id
        async with self._granting.setdefault(place, asyncio.Lock()):
            known = self._grants.get(place)
            if known is None or known.until - self._clock() < RENEWED_SECONDS:
                known = await self._grant(installation, repository_id)
                self._forget_ended()
                self._grants[place] = known
            return known.token

    async def _grant(self, installation: int, repository_id: int | None) -> _Grant:
        path = f"/app/installations/{installation}/access_tokens"
        body: Json = {} if repository_id is None else {"repository_ids": [repository_id]}
        answer = await self._api.request(self._caller, "POST", path, body=body)
        return grant_from(answer, self._clock(), datetime.now(UTC))

    def forget(self, caller: Caller) -> None:
        token = caller.auth.token
        self._grants = {place: grant for place, grant in self._grants.items() if grant.token != token}

    def _forget_ended(self) -> None:
        if len(self._grants) >= MOST_PLACES:
            now = self._clock()
            self._grants = {place: grant for place, grant in self._grants.items() if grant.until > now}
            self._granting = {place: lock for place, lock in self._granting.items() if place in self._grants}


def grant_from(answer: Answer, clock: float, now: datetime) -> _Grant:
    """`now`: of our own clock, for an answer that doesn't say when it was given."""
    found: Json = content(answer)
    lasts = datetime.fromisoformat(found["expires_at"]) - said_at(answer, now)
    return _Grant(found["token"], clock + lasts.total_seconds())


def _signing(app_id: str, private_key: str) -> AppAuth:
    auth = AppAuth(app_id, private_key)
    try:
        auth.create_jwt()
    except Exception as error:  # whatever the cryptographic libraries raise; none of their texts holds the key
        raise ValueError(
            "CATALYST_GITHUB__PRIVATE_KEY(_FILE) is no RSA private key in PEM, as GitHub makes it."
        ) from error
    return auth
