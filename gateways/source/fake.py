"""Commits in memory for workflow tests: activities.protocols.Source."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from activities.protocols import Credential, SourceRefused
from environments.model import CommitSha, Snapshot
from gateways.faking import Controls
from gateways.source.snapshot import READ_FILES, take_snapshot


class InMemorySource(Controls):
    """Implements Source; operations for `fail_next` and `hangs`: `checkout`, `pack`, `snapshot`."""

    def __init__(self, work_folder: Path) -> None:
        super().__init__()
        self._work_folder = work_folder
        self._commits: dict[tuple[int, str], Mapping[str, str]] = {}

    def push(self, repository_id: int, sha: str, files: Mapping[str, str]) -> CommitSha:
        """Make a commit known: path -> text."""
        self._commits[repository_id, sha] = dict(files)
        return CommitSha(sha)

    async def checkout(self, repository_id: int, clone_url: str, sha: CommitSha, credential: Credential | None) -> Path:
        await self.enter("checkout", sha)
        files = self._commits.get((repository_id, sha))
        if files is None:
            raise SourceRefused(f"Commit {sha[:12]} isn't in {clone_url} (any more)")
        folder = self._work_folder / str(repository_id) / sha
        shutil.rmtree(folder, ignore_errors=True)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def pack(self, folder: Path, sha: CommitSha, have: CommitSha | None) -> Path:
        await self.enter("pack", sha)
        path = self._work_folder / f"{sha}.pack"
        path.write_text(sha)
        return path

    async def snapshot(self, folder: Path) -> Snapshot:
        await self.enter("snapshot", folder.name)
        return take_snapshot(folder, READ_FILES)
