"""Where repositories and pull requests live."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from activities.protocols.failure import GatewayError
from environments.model import CommitSha, PullRequest, PullRequestKey


class OpenPullRequest(NamedTuple):
    key: PullRequestKey
    head_sha: CommitSha
    """May be empty where the forge's list doesn't say it."""


class Comment(NamedTuple):
    author: str
    body: str
    is_ours: bool
    """Written under our own account."""


Reaction = Literal["eyes", "+1"]
"""What every forge has: seen, and done. None has a check mark."""


class Credential(NamedTuple):
    username: str
    password: str


class ForgeRefused(GatewayError):
    """401, 403 or 422: a token without the right, or a request that the forge will never take."""

    retryable = False


class Forge(Protocol):
    """Where repositories and pull requests live."""

    name: str
    """`gitea` or `github`: the `forge` of a PullRequestKey."""

    async def pull_request(self, repository_id: int, number: int) -> PullRequest | None:
        """State and head now; None when repository or pull request doesn't exist (any more)."""
        ...

    async def open_pull_requests(self) -> Sequence[OpenPullRequest]:
        """Every open pull request of every repository that the platform serves."""
        ...

    async def put_comment(self, key: PullRequestKey, marker: str, body: str) -> None:
        """Create or edit in place our one comment that contains the marker (only ever our own account's). Idempotent.
        Raises ForgeRefused, also for a pull request that doesn't exist (any more)."""
        ...

    async def comment(self, key: PullRequestKey, comment: int) -> Comment | None:
        """As it is now; None where it was deleted, or isn't of that pull request."""
        ...

    async def react(self, key: PullRequestKey, comment: int, reaction: Reaction) -> None:
        """Under a comment, once however often it is done. Raises ForgeRefused, also for one that doesn't exist (any more)."""
        ...

    async def put_status(
        self,
        key: PullRequestKey,
        sha: CommitSha,
        state: Literal["pending", "success", "failure", "error"],
        description: str,
        url: str | None,
    ) -> None:
        """The commit status with context `catalyst/preview`. Raises ForgeRefused, also for a repository that doesn't exist (any more)."""
        ...

    async def text_file(self, repository_id: int, ref: str, path: str, most_bytes: int) -> str | None:
        """One file at a branch or commit; None where there is no such regular file, or it is larger, or no UTF-8."""
        ...

    async def changed_paths(self, key: PullRequestKey) -> tuple[str, ...] | None:
        """What a pull request changes, former names of renamed files too; None when that is more than the forge lists.
        Raises ForgeRefused for a pull request that doesn't exist (any more)."""
        ...

    async def may_write(self, repository_id: int, login: str) -> bool:
        """Whether that account may push to the repository, as the forge itself says; unknown ones may not."""
        ...

    async def clone_credential(self, repository_id: int, clone_url: str) -> Credential | None:
        """For git over HTTP; None where none is needed, and for a URL that is not this repository's on this forge: people can edit a
        Project's URL, and our token goes nowhere else."""
        ...
