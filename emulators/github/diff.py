"""What changed between two commits, file by file, as GitHub lists it."""

from typing import NamedTuple

from emulators.github.git import Git

STATUSES = {"A": "added", "D": "removed", "M": "modified", "T": "changed", "R": "renamed", "C": "copied"}
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class FileChange(NamedTuple):
    path: str
    previous: str | None
    status: str
    sha: str
    """Of the blob; of the old one when the file is removed."""
    additions: int
    deletions: int
    patch: str | None
    """None for binary files."""


def changes(git: Git, base: str | None, head: str) -> list[FileChange]:
    """From the merge base of both (None: everything is new) to `head`."""
    start = EMPTY_TREE if base is None else (git.says("merge-base", base, head) or base)
    raw = git.run("diff", "--raw", "--no-abbrev", "-z", "-M", start, head, "--").decode(errors="replace").split("\0")
    return [_change(git, start, head, *fields) for fields in _fields(raw)]


def _fields(raw: list[str]) -> list[tuple[str, str, str | None, str]]:
    """Status letter, path, path before, blob."""
    found, at = [], 0
    while at + 1 < len(raw):
        old, new, status = raw[at].split()[2:5]
        two = status[0] in "RC"
        path, previous = (raw[at + 2], raw[at + 1]) if two else (raw[at + 1], None)
        found.append((status[0], path, previous, old if status[0] == "D" else new))
        at += 3 if two else 2
    return found


def _change(git: Git, start: str, head: str, status: str, path: str, previous: str | None, sha: str) -> FileChange:
    paths = [path] if previous is None else [previous, path]
    diff = git.run("--literal-pathspecs", "diff", "-M", start, head, "--", *paths).decode(errors="replace")
    _, at, hunks = diff.partition("\n@@")
    patch = f"@@{hunks}".rstrip("\n") if at else None
    lines = (patch or "").split("\n")
    additions, deletions = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    return FileChange(path, previous, STATUSES[status], sha, additions, deletions, patch)
