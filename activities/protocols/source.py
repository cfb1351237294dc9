"""Checked-out commits on the worker's disk."""

from pathlib import Path
from typing import Protocol

from activities.protocols.failure import GatewayError
from activities.protocols.forge import Credential
from environments.model import CommitSha, Snapshot


class SourceRefused(GatewayError):
    """The commit doesn't exist, or a limit on size, files or time was passed; the message names the setting."""

    retryable = False


class Source(Protocol):
    """Checked-out commits on the worker's disk."""

    async def checkout(self, repository_id: int, clone_url: str, sha: CommitSha, credential: Credential | None) -> Path:
        """Folder with the files of that commit and a shallow .git; cached by (repository, sha), safe to call at the same time.
        Raises SourceRefused."""
        ...

    async def snapshot(self, folder: Path) -> Snapshot:
        """Bounded; symbolic links are never followed out of the folder."""
        ...

    async def pack(self, folder: Path, sha: CommitSha, have: CommitSha | None) -> Path:
        """A file that holds the checked-out commit as a git pack; it stays as long as the checkout does. `have`: a commit that the
        receiver has, so that only what differs need be sent; taken as a hint. Raises SourceRefused."""
        ...
