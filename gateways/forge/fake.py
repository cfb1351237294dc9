"""A stateful forge in memory: repositories, pull requests, comments and statuses, with controls for tests."""

from collections.abc import Sequence
from itertools import count
from typing import Any, Literal

from activities.protocols import Credential, OpenPullRequest
from environments.model import CommitSha, PullRequest, PullRequestKey, Repository
from gateways.faking import Controls


class InMemoryForge(Controls):
    """Implements Forge. What people do on a forge are the methods that begin with a verb; none of them sends a webhook."""

    name = "gitea"

    def __init__(self) -> None:
        super().__init__()
        self.comments: dict[PullRequestKey, dict[str, str]] = {}
        """By pull request, then by marker."""
        self.statuses: dict[CommitSha, tuple[str, str, str | None]] = {}
        """State, description and URL, the newest by commit."""
        self._pull_requests: dict[tuple[int, int], PullRequest] = {}
        self._ids = count(1)

    # --- what people do ------------------------------------------------------------------------------------------

    def create_repository(self, owner: str, name: str, owner_id: int = 1) -> Repository:
        url = f"http://forge.test/{owner}/{name}.git"
        return Repository(
            id=next(self._ids), owner_id=owner_id, owner=owner, name=name, clone_url=url, default_branch="main"
        )

    def open_pull_request(self, repository: Repository, sha: str, number: int = 1) -> PullRequestKey:
        key = PullRequestKey(forge=self.name, repository_id=repository.id, number=number)
        self._pull_requests[repository.id, number] = PullRequest(
            key=key,
            repository=repository,
            title="A change",
            author="bob",
            is_open=True,
            is_merged=False,
            is_draft=False,
            head_sha=CommitSha(sha),
            head_branch="change",
            head_repository_id=repository.id,
            base_branch="main",
        )
        return key

    def push(self, key: PullRequestKey, sha: str) -> None:
        self._change(key, head_sha=CommitSha(sha))

    def close(self, key: PullRequestKey) -> None:
        self._change(key, is_open=False)

    def reopen(self, key: PullRequestKey) -> None:
        self._change(key, is_open=True)

    def _change(self, key: PullRequestKey, **changes: Any) -> None:
        place = key.repository_id, key.number
        self._pull_requests[place] = self._pull_requests[place].model_copy(update=changes)

    # --- the Protocol --------------------------------------------------------------------------------------------

    async def pull_request(self, repository_id: int, number: int) -> PullRequest | None:
        await self.enter("pull_request", f"{repository_id}/{number}")
        return self._pull_requests.get((repository_id, number))

    async def open_pull_requests(self) -> Sequence[OpenPullRequest]:
        await self.enter("open_pull_requests", "")
        return [OpenPullRequest(each.key, each.head_sha) for each in self._pull_requests.values() if each.is_open]

    async def put_comment(self, key: PullRequestKey, marker: str, body: str) -> None:
        await self.enter("put_comment", str(key.number))
        self.comments.setdefault(key, {})[marker] = body

    async def put_status(
        self,
        key: PullRequestKey,
        sha: CommitSha,
        state: Literal["pending", "success", "failure", "error"],
        description: str,
        url: str | None,
    ) -> None:
        await self.enter("put_status", sha)
        self.statuses[sha] = (state, description, url)

    async def clone_credential(self, repository_id: int) -> Credential | None:
        await self.enter("clone_credential", str(repository_id))
        return None
