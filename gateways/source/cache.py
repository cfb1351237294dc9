"""How much room checked-out commits may take, and which ones are dropped."""

import os
import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True)
class SourceLimits:
    """Bounds on strangers' repositories; the names are those of the settings (`source.…`)."""

    timeout: timedelta = timedelta(seconds=120)
    """For fetching and checking out one commit."""
    max_bytes: int = 1 << 30
    """Of what is fetched, and of the files checked out: 1 GiB each."""
    max_files: int = 100_000
    kept: int = 5
    """Commits kept per repository: the last ones of a few open pull requests."""
    unused: timedelta = timedelta(minutes=30)
    """A commit used more recently is kept in any case: a build may be reading it (longer than the longest build)."""
    allow_file_urls: bool = False
    """`file://` repositories; for tests only."""


def folder_size(folder: Path) -> int:
    """Bytes of all files in it; what vanishes while we look counts nothing."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except FileNotFoundError:
                continue
    return total


def prune(home: Path, limits: SourceLimits, keep: Path) -> None:
    """Drop one repository's oldest commits beyond `kept`, their packs, and what interrupted fetches left behind."""
    now = time.time()
    entries = sorted(((_used_at(entry), entry) for entry in home.iterdir() if entry != keep), reverse=True)
    commits = [entry for entry in entries if not entry[1].name.startswith(".")]
    beyond = commits[max(limits.kept - 1, 0) :]
    leftovers = [entry for entry in entries if entry not in commits]
    oldest = now - limits.unused.total_seconds()
    for used_at, entry in beyond + leftovers:
        if used_at < oldest:
            _remove(entry)


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def _used_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
