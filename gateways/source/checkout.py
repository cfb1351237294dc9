"""One commit in one folder, fetched with the git program within limits."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from activities.protocols import Credential, SourceRefused
from gateways.processes import run
from gateways.source.cache import SourceLimits, folder_size
from gateways.source.errors import error_from
from gateways.source.isolated import git_environment

SIZE_LOOK_SECONDS = 0.5
MAX_COMPLAINT = 16 * 1024
"""Bytes of git's output that are kept for the error."""


@dataclass(frozen=True)
class Checkout:
    """Bringing one commit into one empty folder."""

    folder: Path
    url: str
    sha: str
    credential: Credential | None
    limits: SourceLimits

    async def run(self) -> None:
        await self.begin()
        await self.fetch("--depth=1", self.sha)
        await self.check_tree()
        await self.git("checkout", "--quiet", "--detach", "--no-recurse-submodules", self.sha)

    async def begin(self) -> None:
        await self.git("init", "--quiet", "--template=")
        await self.git("remote", "add", "origin", self.url)

    async def fetch(self, how: str, *commits: str) -> None:
        """Stopped at the limit on size."""
        fetch = ("fetch", "--quiet", how, "--no-tags", "--no-recurse-submodules", "origin", *commits)
        fetching = asyncio.create_task(self.git(*fetch, credential=self.credential))
        try:
            while not (await asyncio.wait({fetching}, timeout=SIZE_LOOK_SECONDS))[0]:
                self._check_size(await asyncio.to_thread(folder_size, self.folder))
            await fetching
            self._check_size(await asyncio.to_thread(folder_size, self.folder))
        finally:
            fetching.cancel()
            await asyncio.wait({fetching})

    async def check_tree(self) -> None:
        """Count before anything is written: a few kilobytes of packed trees can unfold into millions of files."""
        tally = _Tally(self)
        await self.git("ls-tree", "-r", "-z", "--long", self.sha, output=tally.add)

    def _check_size(self, size: int) -> None:
        if size > self.limits.max_bytes:
            raise SourceRefused(
                f"The files of {self.sha[:12]} are more than source.max_bytes ({self.limits.max_bytes})"
            )

    def _check_count(self, count: int) -> None:
        if count > self.limits.max_files:
            raise SourceRefused(
                f"Commit {self.sha[:12]} has more files than source.max_files ({self.limits.max_files})"
            )

    async def git(
        self, *arguments: str, credential: Credential | None = None, output: Callable[[bytes], None] | None = None
    ) -> None:
        """Raises SourceRefused, SourceUnavailable."""
        code, said = await self.attempt(["git", *arguments], credential=credential, output=output)
        if code:
            raise error_from(said, self.sha, self.url)

    async def attempt(
        self,
        command: Sequence[str],
        *,
        credential: Credential | None = None,
        output: Callable[[bytes], None] | None = None,
    ) -> tuple[int, str]:
        """Exit code, and the end of what it said, without the credential."""
        said = bytearray()

        def keep(chunk: bytes) -> None:
            said.extend(chunk)
            del said[:-MAX_COMPLAINT]
            if output:
                output(chunk)

        environment = git_environment(credential, self.limits.allow_file_urls)
        code = await run(command, output=keep, environment=environment, folder=self.folder)
        text = said.decode(errors="replace")
        return code, text.replace(credential.password or "\0", "***") if credential else text


class _Tally:
    """Adds up `git ls-tree --long` while it comes, and stops it at the limits."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._rest = b""
        self._files = self._bytes = 0

    def add(self, chunk: bytes) -> None:
        *entries, self._rest = (self._rest + chunk).split(b"\0")
        for entry in entries:
            size = entry.partition(b"\t")[0].rsplit(None, 1)[-1]
            self._bytes += int(size) if size.isdigit() else 0
        self._files += len(entries)
        self._checkout._check_count(self._files)
        self._checkout._check_size(self._bytes)
