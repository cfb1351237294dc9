"""A checked-out folder as a value. What a symbolic link shows outside of the folder is never read."""

import fnmatch
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from activities.protocols import SourceRefused
from environments.model import Snapshot

MAX_PATHS = 200_000
MAX_TEXT_BYTES = 256 * 1024
MAX_TEXTS = 500
"""Nearest to the root first: a committed node_modules has thousands of package.json."""

NAMES = (
    "package.json",
    "Makefile",
    "Dockerfile*",
    ".catalyst.yaml",
    "pyproject.toml",
    "requirements.txt",
    "go.mod",
    "*compose*.y*ml",
    "flake.nix",
)
READ_FILES = tuple(folder + name for folder in ("", "*/", "*/*/") for name in NAMES)
"""When nobody says which files are read (environments.detection.READ_FILES does)."""


def take_snapshot(folder: Path, patterns: Sequence[str]) -> Snapshot:
    """Raises SourceRefused for more than 200,000 files."""
    paths = []
    for path in _walk(folder):
        paths.append(path)
        if len(paths) > MAX_PATHS:
            raise SourceRefused(f"The repository has more than {MAX_PATHS} files; no snapshot is taken of so many")
    wanted = re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns))
    chosen = sorted((path for path in paths if wanted.match(path)), key=lambda path: (path.count("/"), path))
    texts = {path: _read(folder, path) for path in chosen[:MAX_TEXTS]}
    return Snapshot(paths=tuple(sorted(paths)), texts={path: text for path, text in texts.items() if text is not None})


def _walk(folder: Path) -> Iterator[str]:
    """Relative paths of files and of links to files inside; not of `.git`."""
    root = os.path.realpath(folder)
    for here, folders, names in os.walk(root):
        if here == root and ".git" in folders:
            folders.remove(".git")
        for name in names:
            path = os.path.join(here, name)
            if not os.path.islink(path) or _is_inside(root, path):
                yield os.path.relpath(path, root)


def _read(folder: Path, path: str) -> str | None:
    """None for what is too big, no regular file, or outside."""
    root, full = os.path.realpath(folder), os.path.realpath(folder / path)
    if not _is_inside(root, full) or os.path.getsize(full) > MAX_TEXT_BYTES:
        return None
    with open(full, encoding="utf-8", errors="replace") as file:
        return file.read()


def _is_inside(root: str, path: str) -> bool:
    full = os.path.realpath(path)
    within = full.startswith(root + os.sep) and not full.startswith(os.path.join(root, ".git") + os.sep)
    return within and os.path.isfile(full)
