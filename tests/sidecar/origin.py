"""The worker's side: a repository, and packs of its commits."""

import subprocess
from pathlib import Path

from tests.gateways.git_server import commit, git, new_repository


class Origin:
    def __init__(self, folder: Path) -> None:
        self.folder = new_repository(folder)

    def commit(self, files: dict[str, str], links: dict[str, str] | None = None, remove: tuple[str, ...] = ()) -> str:
        for path in remove:
            (self.folder / path).unlink()
        return commit(self.folder, files, links)

    def git(self, *arguments: str) -> str:
        return git(self.folder, *arguments)

    def pack(self, sha: str, have: str | None = None) -> bytes:
        """Of the commit alone, as from a shallow clone; `have`: thin, against that commit."""
        exclude = [f"^{have}"] if have else [f"^{parent}" for parent in self.git("rev-parse", f"{sha}^@").split()]
        thin = ["--thin"] if have else []
        if not have and exclude:
            return self._pack("\n".join(self.git("rev-list", "--objects", "--no-walk", sha).split("\n")), [])
        return self._pack("\n".join([sha, *exclude]), ["--revs", *thin])

    def _pack(self, wanted: str, how: list[str]) -> bytes:
        command = ["git", "pack-objects", "-q", "--stdout", "--delta-base-offset", *how]
        return subprocess.run(
            command, cwd=self.folder, input=f"{wanted}\n".encode(), capture_output=True, check=True
        ).stdout
