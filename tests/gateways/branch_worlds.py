"""The contract suite of Branches in three worlds: the fake, git's own server, a real Gitea."""

import subprocess
import uuid
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

from activities.protocols import Branches, BranchPush, Credential
from environments.model import CommitSha
from gateways.forge.fake import CREDENTIAL, InMemoryForge
from gateways.source.branches import GitBranches
from gateways.source.cache import SourceLimits
from gateways.source.fake_branches import InMemoryBranches
from tests.gateways.forge_worlds import GiteaWorld
from tests.gateways.git_server import GitServer, commit, git, new_repository

BRANCH = "change"
ROBOT = Credential("robot", "s3cret-token")


class BranchWorld(ABC):
    """One repository with one branch, and a pod in which commits are made upon it."""

    branches: Branches
    repository_id: int
    url: str
    credential: Credential

    @abstractmethod
    def head(self) -> str:
        """Of the branch on the forge."""

    @abstractmethod
    def made(self, text: str) -> tuple[CommitSha, CommitSha, Path]:
        """A commit upon what the pod has: itself, what was delivered last, and the pack between."""

    @abstractmethod
    def delivered(self) -> None:
        """The pod has what the forge has."""

    @abstractmethod
    def moves(self) -> None:
        """Somebody else pushes."""

    def push_of(self, made: tuple[CommitSha, CommitSha, Path], expected: str | None = None) -> BranchPush:
        sha, base, pack = made
        return BranchPush(self.repository_id, self.url, BRANCH, CommitSha(expected or self.head()), base, sha, pack)

    async def push(self, made: tuple[CommitSha, CommitSha, Path], expected: str | None = None) -> None:
        await self.branches.push(self.push_of(made, expected), self.credential)


class FakeBranchWorld(BranchWorld):
    def __init__(self, folder: Path) -> None:
        self._forge = InMemoryForge()
        repository = self._forge.create_repository("acme", "shop")
        self._key = self._forge.open_pull_request(repository, "a" * 40)
        self.branches = self._fake = InMemoryBranches(self._forge)
        self.repository_id, self.url, self.credential = repository.id, repository.clone_url, CREDENTIAL
        self._base = self._tip = self.head()
        self._pack = folder / "pack"
        self._pack.write_text("")

    def head(self) -> str:
        return str(self._forge._pull_requests[self._key.repository_id, self._key.number].head_sha)

    def made(self, text: str) -> tuple[CommitSha, CommitSha, Path]:
        before, self._tip = self._tip, uuid.uuid4().hex + "0" * 8
        self._fake.parents[self._tip] = before
        return CommitSha(self._tip), CommitSha(self._base), self._pack

    def delivered(self) -> None:
        self._base = self._tip = self.head()

    def moves(self) -> None:
        self._forge.push(self._key, uuid.uuid4().hex + "0" * 8)


class GitBranchWorld(BranchWorld):
    """Commits are made in a clone; `pack` is what `sidecar send` prints (tests/sidecar/test_push.py)."""

    def __init__(self, folder: Path, url: str, credential: Credential, repository_id: int = 7) -> None:
        self.branches = GitBranches(folder / "work")
        self.repository_id, self.url, self.credential = repository_id, url, credential
        self.pod = folder / "pod"
        scheme, _, rest = url.partition("://")
        self._clone_url = f"{scheme}://{credential.username}:{credential.password}@{rest}"
        git(folder, "clone", "--quiet", f"--branch={BRANCH}", self._clone_url, str(self.pod))
        self._base = self.head()
        self._folder = folder

    def head(self) -> str:
        return git(self.pod, "ls-remote", self._clone_url, f"refs/heads/{BRANCH}").split()[0]

    def made(self, text: str) -> tuple[CommitSha, CommitSha, Path]:
        return self.packed(commit(self.pod, {"text": f"{text}\n"}))

    def packed(self, sha: str) -> tuple[CommitSha, CommitSha, Path]:
        pack = self._folder / f"{sha}.pack"
        command = ["git", "pack-objects", "-q", "--revs", "--thin", "--stdout"]
        wanted = f"{sha}\n^{self._base}\n".encode()
        pack.write_bytes(subprocess.run(command, cwd=self.pod, input=wanted, capture_output=True, check=True).stdout)
        return CommitSha(sha), CommitSha(self._base), pack

    def delivered(self) -> None:
        git(self.pod, "fetch", "--quiet", "origin")
        git(self.pod, "reset", "--quiet", "--hard", f"origin/{BRANCH}")
        self._base = self.head()

    def moves(self) -> None:
        other = self._folder / uuid.uuid4().hex
        git(self._folder, "clone", "--quiet", f"--branch={BRANCH}", self._clone_url, str(other))
        commit(other, {"theirs": uuid.uuid4().hex})
        git(other, "push", "--quiet", "origin", BRANCH)

    def bounded(self, **limits: Any) -> None:
        self.branches = GitBranches(self._folder / "work", replace(SourceLimits(), **limits))


def served(server: GitServer, folder: Path) -> GitBranchWorld:
    """Behind git's own server."""
    remote = new_repository(server.root / "app")
    commit(remote, {"README.md": "shop\n", "text": "first\n"})
    git(remote, "branch", BRANCH)
    git(remote, "config", "http.receivepack", "true")
    server.password = ROBOT.password
    return GitBranchWorld(folder, server.url("app"), ROBOT)


async def on_gitea(world: GiteaWorld, folder: Path) -> GitBranchWorld:
    """With the credential that the product gets there."""
    found = await world.look()
    url = found.repository.clone_url
    credential = await world.forge.clone_credential(found.repository.id, url)
    assert credential is not None
    return GitBranchWorld(folder, url, credential, found.repository.id)
