"""Checked-out commits on disk: activities.protocols.Source with the git program.

The repository is a stranger's: git gets no configuration but ours, runs no hooks and no filters, follows no redirect with
our credential, fetches no submodules, and is stopped when it takes too long or too much room.
"""

import asyncio
import re
import shutil
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from activities.protocols import Credential, SourceRefused
from environments.model import CommitSha, Snapshot
from gateways.source.cache import SourceLimits, prune
from gateways.source.checkout import Checkout
from gateways.source.packs import pack_commit
from gateways.source.snapshot import READ_FILES, take_snapshot

SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True)
class GitSource:
    """Implements Source. `work_folder` may be shared by several workers of one machine."""

    work_folder: Path
    limits: SourceLimits = field(default_factory=SourceLimits)
    read_files: Sequence[str] = READ_FILES
    """fnmatch patterns of the files whose text is in a snapshot."""
    _locks: dict[Path, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock), repr=False)

    async def checkout(self, repository_id: int, clone_url: str, sha: CommitSha, credential: Credential | None) -> Path:
        """Raises SourceRefused, or SourceUnavailable when the forge doesn't answer."""
        self._check(clone_url, sha)
        home = self.work_folder / str(int(repository_id))
        target = home / sha
        async with self._locks[target]:
            if not target.exists():
                await self._fetch_into(target, clone_url, sha, credential)
                await asyncio.to_thread(prune, home, self.limits, target)
        target.touch()  # its last use, which pruning goes by
        return target

    async def snapshot(self, folder: Path) -> Snapshot:
        """Raises SourceRefused for more files than a snapshot may have."""
        return await asyncio.to_thread(take_snapshot, folder, self.read_files)

    async def pack(self, folder: Path, sha: CommitSha, have: CommitSha | None) -> Path:
        """Against a commit that this disk still has; else all of it. Raises SourceRefused."""
        base = folder.with_name(have) if have and SHA.fullmatch(have) else None
        base = base if base is not None and base.is_dir() and base != folder else None
        async with self._locks[folder]:
            return await pack_commit(folder, sha, base, self.limits)

    def _check(self, clone_url: str, sha: str) -> None:
        parts = urlsplit(clone_url)
        allowed = ("http", "https", "file") if self.limits.allow_file_urls else ("http", "https")
        if not SHA.fullmatch(sha):
            raise SourceRefused(f"{sha[:80]!r} is no full commit SHA")
        if parts.scheme not in allowed or parts.username or parts.password:
            raise SourceRefused(f"A repository is cloned by a plain {' or '.join(allowed)} URL only")

    async def _fetch_into(self, target: Path, url: str, sha: str, credential: Credential | None) -> None:
        partial = target.with_name(f".partial-{uuid.uuid4().hex}")
        await asyncio.to_thread(partial.mkdir, parents=True)
        try:
            async with asyncio.timeout(self.limits.timeout.total_seconds()):
                await Checkout(partial, url, sha, credential, self.limits).run()
            # Atomic: another process sees the whole commit or nothing. When it was faster, its folder is as good.
            if not target.exists():
                partial.rename(target)
        except TimeoutError as error:
            seconds = self.limits.timeout.total_seconds()
            raise SourceRefused(f"Fetching {sha[:12]} took longer than source.timeout ({seconds:.0f} s)") from error
        except OSError:
            if not target.exists():
                raise
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, partial, ignore_errors=True))
