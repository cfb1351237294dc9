"""A stateful forge in memory: repositories, pull requests, comments and statuses, with controls for tests."""

from collections.abc import Sequence
from itertools import count
from typing import Any, Literal

from activities.protocols import Comment, Credential, OpenPullRequest, Reaction
from environments.model import CommitSha, PullRequest, PullRequestKey, Repository
from gateways.faking import Controls
from gateways.forge.errors import ForgeGone

CREDENTIAL = Credential("catalyst", "a-token")


class InMemoryForge(Controls):
    """Implements Forge. What people do on a forge are the methods that begin with a verb; none of them sends a webhook."""

    name = "gitea"

    def __init__(self) -> None:
        super().__init__()
        self.comments: dict[PullRequestKey, dict[str, str]] = {}
        """By pull request, then by marker."""
        self.statuses: dict[CommitSha, tuple[str, str, str | None]] = {}
        """State, description and URL, the newest by commit."""
        self.written: dict[tuple[PullRequestKey, int], Comment] = {}
        """By people, by its id."""
        self.reactions: dict[int, dict[Reaction, None]] = {}
        """Ours, in order."""
        self.files: dict[tuple[int, str, str], str] = {}
        """By repository, branch and path."""
        self.changed: dict[PullRequestKey, tuple[str, ...] | None] = {}
        self.writers: set[tuple[int, str]] = set()
        """Repository and login."""
        self._repositories: dict[int, Repository] = {}
        self._pull_requests: dict[tuple[int, int], PullRequest] = {}
        self._ids = count(1)

    # --- what people do ------------------------------------------------------------------------------------------

    def create_repository(self, owner: str, name: str, owner_id: int = 1) -> Repository:
        url = f"http://forge.test/{owner}/{name}.git"
        repository = Repository(
            id=next(self._ids), owner_id=owner_id, owner=owner, name=name, clone_url=url, default_branch="main"
        )
        self._repositories[repository.id] = repository
        return repository

    def delete_repository(self, repository: Repository) -> None:
        """With its pull requests."""
        del self._repositories[repository.id]
        for place in [place for place in self._pull_requests if place[0] == repository.id]:
            del self._pull_requests[place]

    def rename_repository(self, repository: Repository, name: str) -> Repository:
        """It keeps its id and its pull requests."""
        url = repository.clone_url.replace(f"/{repository.name}.git", f"/{name}.git")
        renamed = repository.model_copy(update={"name": name, "clone_url": url})
        self._repositories[repository.id] = renamed
        for place, found in self._pull_requests.items():
            if place[0] == repository.id:
                self._pull_requests[place] = found.model_copy(update={"repository": renamed})
        return renamed

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

    def change(self, key: PullRequestKey, **changes: Any) -> None:
        """Title, labels, draft, base branch."""
        self._change(key, **changes)

    def write(self, key: PullRequestKey, author: str, body: str) -> int:
        """A comment; its id."""
        comment = next(self._ids)
        self.written[key, comment] = Comment(author, body, is_ours=False)
        return comment

    def push(self, key: PullRequestKey, sha: str) -> None:
        self._change(key, head_sha=CommitSha(sha))

    def close(self, key: PullRequestKey) -> None:
        self._change(key, is_open=False)

    def reopen(self, key: PullRequestKey) -> None:
        self._change(key, is_open=True)

    def merge(self, key: PullRequestKey) -> None:
        self._change(key, is_open=False, is_merged=True)

    def _change(self, key: PullRequestKey, **changes: Any) -> None:
        place = key.repository_id, key.number
        self._pull_requests[place] = self._pull_requests[place].model_copy(update=changes)

    def of_branch(self, repository_id: int, branch: str) -> PullRequest | None:
        """The pull request whose head it is."""
        found = (each for place, each in self._pull_requests.items() if place[0] == repository_id)
        return next((each for each in found if each.head_branch == branch), None)

    # --- the Protocol --------------------------------------------------------------------------------------------

    async def pull_request(self, repository_id: int, number: int) -> PullRequest | None:
        await self.enter("pull_request", f"{repository_id}/{number}")
        return self._pull_requests.get((repository_id, number))

    async def open_pull_requests(self) -> Sequence[OpenPullRequest]:
        await self.enter("open_pull_requests", "")
        return [OpenPullRequest(each.key, each.head_sha) for each in self._pull_requests.values() if each.is_open]

    async def put_comment(self, key: PullRequestKey, marker: str, body: str) -> None:
        await self.enter("put_comment", str(key.number))
        self._find(key)
        self.comments.setdefault(key, {})[marker] = body

    async def comment(self, key: PullRequestKey, comment: int) -> Comment | None:
        await self.enter("comment", str(comment))
        return self.written.get((key, comment))

    async def react(self, key: PullRequestKey, comment: int, reaction: Reaction) -> None:
        await self.enter("react", f"{comment} {reaction}")
        if (key, comment) not in self.written:
            raise ForgeGone(f"The forge knows no comment {comment}.")
        self.reactions.setdefault(comment, {})[reaction] = None

    async def put_status(
        self,
        key: PullRequestKey,
        sha: CommitSha,
        state: Literal["pending", "success", "failure", "error"],
        description: str,
        url: str | None,
    ) -> None:
        await self.enter("put_status", sha)
        self._find(key)
        self.statuses[sha] = (state, description, url)

    async def text_file(self, repository_id: int, ref: str, path: str, most_bytes: int) -> str | None:
        await self.enter("text_file", f"{repository_id}/{path}")
        text = self.files.get((repository_id, ref, path))
        return text if text is not None and len(text.encode()) <= most_bytes else None

    async def changed_paths(self, key: PullRequestKey) -> tuple[str, ...] | None:
        await self.enter("changed_paths", str(key.number))
        self._find(key)
        return self.changed.get(key, ())

    async def may_write(self, repository_id: int, login: str) -> bool:
        await self.enter("may_write", f"{repository_id}/{login}")
        return (repository_id, login) in self.writers

    async def clone_credential(self, repository_id: int, clone_url: str) -> Credential | None:
        await self.enter("clone_credential", str(repository_id))
        known = self._repositories.get(repository_id)
        return CREDENTIAL if known and known.clone_url == clone_url else None

    def _find(self, key: PullRequestKey) -> PullRequest:
        found = self._pull_requests.get((key.repository_id, key.number))
        if found is None:
            raise ForgeGone(f"The forge knows no pull request {key.number} in repository {key.repository_id}.")
        return found
