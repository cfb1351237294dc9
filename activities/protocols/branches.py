"""Branches on a forge, to which commits made in a development pod are pushed."""

from pathlib import Path
from typing import NamedTuple, Protocol

from activities.protocols.failure import GatewayError
from activities.protocols.forge import Credential
from environments.model import CommitSha


class PushRefused(GatewayError):
    """The commits can't become the branch: they don't build upon it, are broken, too many or too big, or the forge says no."""

    retryable = False


class BranchPush(NamedTuple):
    repository_id: int
    clone_url: str
    branch: str
    expected: CommitSha
    """Where the branch is now."""
    base: CommitSha
    """What the pack builds upon."""
    sha: CommitSha
    """Where it is to be."""
    pack: Path


class Branches(Protocol):
    async def push(self, push: BranchPush, credential: Credential | None) -> None:
        """Move the branch forward, never elsewhere; the pack is a stranger's. A branch that is there already is success.
        Raises PushRefused, SourceRefused."""
        ...
