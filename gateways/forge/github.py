"""GitHub and GitHub Enterprise Server by PyGithub: activities.protocols.Forge."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from activities.protocols import Comment, Credential, OpenPullRequest, Reaction
from environments.model import CommitSha, PullRequest, PullRequestKey
from gateways.forge.errors import ForgeGone
from gateways.forge.github_accounts import Accounts, GitHubApp, PersonalAccount, in_repository
from gateways.forge.github_api import Caller, GitHubApi
from gateways.forge.github_comments import Comments
from gateways.forge.github_listing import Listing
from gateways.forge.github_reading import changed_paths, has_account_name, pull_request, root_of, text_file
from gateways.forge.shared import STATUS_CONTEXT, origin, repository_path, shortened

MAX_DESCRIPTION = 140
"""Characters of a commit status; more are refused."""
WRITING = frozenset({"admin", "maintain", "write"})
GIT_USER = "x-access-token"

Result = TypeVar("Result")


class GitHubForge:
    """Implements Forge. Repositories are only ever asked for by id, so that new names and owners change nothing.

    An App needs these permissions: contents (read; write, so that pods can push), pull requests (write), commit statuses (write).
    """

    name = "github"

    def __init__(self, base_url: str, accounts: Callable[[GitHubApi], Accounts], api: GitHubApi | None = None) -> None:
        """`base_url`: of the API. `accounts`: see `with_app` and `with_token`."""
        self._api = api or GitHubApi(base_url)
        self._accounts = accounts(self._api)
        self._origin = web_origin(base_url)
        self._comments = Comments(self._api, self._accounts)
        self._listing = Listing(self.name, self._api, self._accounts)

    @classmethod
    def with_app(cls, base_url: str, app_id: str, private_key: str) -> "GitHubForge":
        """Serves every repository that the App is installed on. `private_key`: PEM. Raises ValueError for one that can't sign."""
        return cls(base_url, lambda api: GitHubApp(api, app_id, private_key))

    @classmethod
    def with_token(cls, base_url: str, token: str) -> "GitHubForge":
        """Serves every repository that the token's account may push to."""
        return cls(base_url, lambda api: PersonalAccount(api, token))

    async def aclose(self) -> None:
        await self._api.aclose()

    async def pull_request(self, repository_id: int, number: int) -> PullRequest | None:
        path = f"{root_of(repository_id)}/pulls/{number}"
        try:
            found = await self._in(repository_id, partial(self._api.get, path=path))
        except ForgeGone:
            return None
        return pull_request(self.name, repository_id, found)

    async def open_pull_requests(self) -> Sequence[OpenPullRequest]:
        """What couldn't be listed is not treated as having none: an installation or repository that failed, whose limit is used
        up say, has those that were open when it was last listed. Nothing is claimed of one that never was since this process
        began: its pull requests are missing, and who misses one asks for it by itself. Raises GatewayError when nothing could be
        listed at all."""
        return await self._listing.open_pull_requests()

    async def put_comment(self, key: PullRequestKey, marker: str, body: str) -> None:
        """Raises ForgeGone, ForgeRefused, ForgeUnavailable. Not safe against itself: one write in flight (design: rule 8)."""
        await self._in(key.repository_id, lambda caller: self._comments.put(caller, key, marker, body))

    async def comment(self, key: PullRequestKey, comment: int) -> Comment | None:
        """Raises ForgeRefused, ForgeUnavailable."""
        try:
            return await self._in(key.repository_id, lambda caller: self._comments.read(caller, key, comment))
        except ForgeGone:
            return None

    async def react(self, key: PullRequestKey, comment: int, reaction: Reaction) -> None:
        """Raises ForgeGone, ForgeRefused, ForgeUnavailable."""
        await self._in(key.repository_id, lambda caller: self._comments.react(caller, key, comment, reaction))

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
        status = {"context": STATUS_CONTEXT, "state": state, "description": text, "target_url": url}
        path = f"{root_of(key.repository_id)}/statuses/{sha}"
        await self._in(key.repository_id, partial(self._api.send, verb="POST", path=path, body=status))

    async def clone_credential(self, repository_id: int, clone_url: str) -> Credential | None:
        """Of an App, a token for this repository alone."""
        if origin(clone_url) != self._origin:
            return None
        try:
            found = await self._in(repository_id, partial(self._api.get, path=root_of(repository_id)))
            if repository_path(clone_url) != repository_path(found["clone_url"]):
                return None
            return Credential(GIT_USER, await self._accounts.clone_token(repository_id))
        except ForgeGone:
            return None

    async def text_file(self, repository_id: int, ref: str, path: str, most_bytes: int) -> str | None:
        """One file's text at a branch or SHA; None where there is none, it is no regular file, has more than `most_bytes` or is
        no UTF-8. A link within the repository is followed, by GitHub. Raises ForgeRefused, ForgeUnavailable."""
        try:
            return await self._in(
                repository_id, lambda caller: text_file(self._api, caller, repository_id, ref, path, most_bytes)
            )
        except ForgeGone:
            return None

    async def changed_paths(self, key: PullRequestKey) -> tuple[str, ...] | None:
        """Former names of renamed ones, too; None when there are as many as GitHub lists at most, 3,000: there may be more.
        Raises ForgeGone, ForgeRefused, ForgeUnavailable."""
        return await self._in(key.repository_id, lambda caller: changed_paths(self._api, caller, key))

    async def may_write(self, repository_id: int, login: str) -> bool:
        """Whether that account may push there; False for one, or a repository, that GitHub doesn't know. Raises ForgeRefused,
        ForgeUnavailable."""
        if not has_account_name(login):
            return False
        path = f"{root_of(repository_id)}/collaborators/{login}/permission"
        try:
            found = await self._in(repository_id, partial(self._api.get, path=path))
        except ForgeGone:
            return False
        return found["permission"] in WRITING

    async def _in(self, repository_id: int, work: Callable[[Caller], Awaitable[Result]]) -> Result:
        return await in_repository(self._accounts, repository_id, work)


def web_origin(base_url: str) -> tuple[str, str | None, int | None]:
    """Where repositories are cloned from: `api.github.com` is github.com's; an Enterprise Server's API has a path."""
    scheme, host, port = origin(base_url)
    is_host_of_its_own = urlsplit(base_url).path in ("", "/")
    return scheme, host.removeprefix("api.") if host and is_host_of_its_own else host, port
