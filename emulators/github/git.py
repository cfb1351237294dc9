"""Bare git repositories, read and written with git's own program."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ZERO = "0" * 40
"""The SHA of what isn't there, as in a push that creates or deletes a branch."""
LIMIT = 60
"""Seconds for one git command."""
_SHA = re.compile(r"[0-9a-f]{40}")
_REF_NAME = re.compile(r"(?!-)[\w./@+#=,%-]{1,200}")


class GitError(Exception):
    """A git command failed: its command and standard error."""


class Entry(NamedTuple):
    mode: str
    type: str
    """blob, tree or commit (a submodule)."""
    sha: str
    size: int
    path: str


class CommitFacts(NamedTuple):
    sha: str
    tree: str
    parents: list[str]
    author: tuple[str, str, str]
    """Name, e-mail address, time in ISO 8601."""
    committer: tuple[str, str, str]
    message: str


class Git:
    """One bare repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
        """Raises GitError."""
        done = self._done(arguments, stdin, env)
        if done.returncode:
            raise GitError(f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def says(self, *arguments: str) -> str | None:
        """Output without the last line end, or None when git fails."""
        done = self._done(arguments, None, None)
        return None if done.returncode else done.stdout.decode(errors="replace").rstrip("\n")

    def _done(
        self, arguments: tuple[str, ...], stdin: bytes | None, env: Mapping[str, str] | None
    ) -> subprocess.CompletedProcess[bytes]:
        command = ["git", f"--git-dir={self.folder}", *arguments]
        environment = environment_of(self.folder) | dict(env or {})
        return subprocess.run(
            command, env=environment, input=stdin or b"", capture_output=True, timeout=LIMIT, check=False
        )

    def init(self, default_branch: str) -> None:
        self.folder.mkdir(parents=True)
        self.run("init", "--quiet", "--bare", f"--initial-branch={default_branch}")
        for name, value in SETTINGS.items():
            self.run("config", name, value)

    def refs(self) -> dict[str, str]:
        """Branches and tags, full name to SHA."""
        lines = self.run("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags").decode()
        return dict(line.split(" ") for line in lines.splitlines())

    def resolve(self, ref: str) -> str | None:
        """The commit that a branch, tag, full ref or SHA (also its beginning) names."""
        if not _REF_NAME.fullmatch(ref) or ".." in ref:
            return None
        for name in (f"refs/heads/{ref}", f"refs/tags/{ref}", ref):
            found = self.says("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
            if found:
                return found
        return None

    def set_ref(self, name: str, sha: str | None) -> None:
        self.run(*(["update-ref", "-d", name] if sha is None else ["update-ref", name, sha]))

    def fetch(self, other: Path, sha: str, into: str) -> None:
        """Bring a commit of another repository here, under the ref `into`."""
        self.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(other), f"+{sha}:{into}")

    def commit(self, parent: str | None, files: Mapping[str, bytes | None], message: str, author: str) -> str:
        """A commit of `parent` with `files` written (None: deleted) by account `author`; no ref is moved."""
        with tempfile.TemporaryDirectory() as scratch:
            env = {"GIT_INDEX_FILE": f"{scratch}/index"} | _people(author)
            if parent:
                self.run("read-tree", parent, env=env)
            self.run("update-index", "-z", "--index-info", stdin=self._index_lines(files), env=env)
            tree = self.run("write-tree", env=env).decode().strip()
        return self.commit_tree(tree, [parent] if parent else [], message, author)

    def _index_lines(self, files: Mapping[str, bytes | None]) -> bytes:
        lines = []
        for path, content in files.items():
            sha = ZERO if content is None else self.run("hash-object", "-w", "--stdin", stdin=content).decode().strip()
            lines.append(f"{'0' if content is None else '100644'} {sha}\t{path}\0")
        return "".join(lines).encode()

    def commit_tree(self, tree: str, parents: list[str], message: str, author: str) -> str:
        named = [word for parent in parents for word in ("-p", parent)]
        return self.run("commit-tree", tree, *named, "-m", message, env=_people(author)).decode().strip()

    def merge_tree(self, base: str, head: str) -> str | None:
        """The tree of a merge, or None when it conflicts."""
        done = self._done(("merge-tree", "--write-tree", base, head), None, None)
        if done.returncode > 1:
            raise GitError(f"git merge-tree {base} {head}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode().split("\n")[0] if done.returncode == 0 else None

    def count(self, range_: str) -> int:
        return int(self.says("rev-list", "--count", range_) or 0)

    def commits(self, range_: str, most: int = 250) -> list[str]:
        """Oldest first."""
        return (self.says("rev-list", "--reverse", f"--max-count={most}", range_) or "").split()

    def is_ancestor(self, old: str, new: str) -> bool:
        return self.says("merge-base", "--is-ancestor", old, new) is not None

    def facts(self, sha: str) -> CommitFacts:
        """Raises GitError when there is no such commit."""
        shape = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"
        told = self.run("show", "--no-patch", f"--format={shape}", sha, "--").decode(errors="replace").split("\0")
        author, committer = (told[3], told[4], told[5]), (told[6], told[7], told[8])
        return CommitFacts(told[0], told[1], told[2].split(), author, committer, told[9].rstrip("\n"))

    def tree(self, commit: str, path: str) -> list[Entry] | None:
        """What is in a folder (`path` "" is the root); None when it is no folder."""
        told = self.says("ls-tree", "-l", "-z", f"{commit}:{path}" if path else commit)
        return None if told is None else [_entry(line, path) for line in told.split("\0") if line]

    def entry(self, commit: str, path: str) -> Entry | None:
        told = self.says("--literal-pathspecs", "ls-tree", "-l", "-z", commit, "--", path)
        return _entry(told.split("\0")[0], "") if told else None

    def tree_sha(self, ref: str) -> str | None:
        """Of a tree's own SHA, or of what a ref names."""
        own = self.says("rev-parse", "--verify", "--quiet", f"{ref}^{{tree}}") if _SHA.fullmatch(ref) else None
        commit = None if own else self.resolve(ref)
        return own or (self.facts(commit).tree if commit else None)

    def whole_tree(self, sha: str) -> list[Entry]:
        """Folders too, and all that is in them."""
        told = self.says("ls-tree", "-l", "-z", "-r", "-t", sha) or ""
        return [_entry(line, "") for line in told.split("\0") if line]

    def blob_or_none(self, sha: str) -> bytes | None:
        known = _SHA.fullmatch(sha) and self.says("cat-file", "-t", sha) == "blob"
        return self.blob(sha) if known else None

    def blob(self, sha: str) -> bytes:
        return self.run("cat-file", "blob", sha)


SETTINGS = {
    "http.receivepack": "true",
    # Clients fetch a commit by its SHA, as from GitHub.
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
    "receive.denyDeleteCurrent": "refuse",
    # refs/pull belongs to GitHub: people can fetch it and not push to it.
    "receive.hideRefs": "refs/pull",
    "gc.auto": "0",
}


def environment_of(folder: Path) -> dict[str, str]:
    """Nothing of the machine's or the user's settings, and no prompt."""
    safe = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"} | quiet | safe


def _people(login: str) -> dict[str, str]:
    email = f"{login}@users.noreply.github.com"
    return {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", login), ("EMAIL", email))
    }


def _entry(line: str, folder: str) -> Entry:
    facts, _, name = line.partition("\t")
    mode, type_, sha, size = facts.split()
    return Entry(mode, type_, sha, 0 if size == "-" else int(size), f"{folder}/{name}" if folder else name)
