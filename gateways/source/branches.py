"""Commits made in a development pod, pushed with the git program: activities.protocols.Branches.

The pack is a stranger's. git checks every object of it (fsck), within limits on bytes, memory, files and commits; it is
unpacked in a folder of its own, and pushed without hooks, tags or submodules, and only forward.
"""

import asyncio
import re
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from activities.protocols import BranchPush, Credential, GatewayError, PushRefused
from gateways.source.cache import SourceLimits
from gateways.source.checkout import Checkout
from gateways.source.errors import REFUSED, SourceUnavailable

SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
MOST_COMMITS = 1000
MEMORY_KIB = 2 << 20
"""Address space of the unpacking git: deltas of deltas would fill the machine's."""
# A pack comes in by standard input only. A big file is hashed as it comes; a small one is checked in memory.
UNPACK = (
    'ulimit -v "$1" && exec git -c core.bigFileThreshold=16m -c core.packedGitWindowSize=32m -c core.packedGitLimit=256m'
    ' index-pack --strict --fix-thin --threads=1 --stdin --max-input-size="$2" < "$3"'
)
INCOMPLETE = re.compile(
    r"did not receive expected object|unresolved delta|bad object|missing (?:blob|tree|commit)|unable to read"
)
BROKEN = re.compile(r"(?:error|fatal): (?:object|fsck error in packed object|fsck error)[^\n]*")
MOVED = re.compile(r"non-fast-forward|fetch first|stale info|cannot lock ref|incorrect old value")
REMOTE = re.compile(r"^remote: *(\S.*)$", re.MULTILINE)
REJECTED = re.compile(r"\[remote rejected\][^\n]*\(([^\n)]*)\)|\[rejected\][^\n]*\(([^\n)]*)\)")
MOST_TOLD = 300


@dataclass(frozen=True)
class GitBranches:
    """Implements Branches. `work_folder`: the one of the checkouts."""

    work_folder: Path
    limits: SourceLimits = field(default_factory=SourceLimits)

    async def push(self, push: BranchPush, credential: Credential | None) -> None:
        if not all(SHA.fullmatch(each) for each in (push.expected, push.base, push.sha)):
            raise PushRefused("What the environment calls a commit is none.")
        if push.sha == push.expected:
            return
        # Named as what the pruning of checkouts removes, should nobody else be left to do it.
        folder = self.work_folder / str(int(push.repository_id)) / f".push-{uuid.uuid4().hex}"
        await asyncio.to_thread(folder.mkdir, parents=True)
        try:
            async with asyncio.timeout(self.limits.timeout.total_seconds()):
                await _Push(push, credential, Checkout(folder, push.clone_url, push.sha, credential, self.limits)).run()
        except TimeoutError as error:
            seconds = self.limits.timeout.total_seconds()
            raise SourceUnavailable(f"Pushing took longer than source.timeout ({seconds:.0f} s)") from error
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


@dataclass(frozen=True)
class _Push:
    push: BranchPush
    credential: Credential | None
    work: Checkout

    async def run(self) -> None:
        await self.work.begin()
        await self.work.fetch("--depth=1", *dict.fromkeys((self.push.expected, self.push.base)))
        if not await self._unpack():
            # It builds upon what the branch was earlier: then all of the branch is needed.
            await self.work.fetch("--unshallow", self.push.expected)
            if not await self._unpack():
                raise PushRefused(
                    "The commits build upon something that isn't on the forge: rebase them on the branch."
                )
        await self._check()
        await self._send()

    async def _unpack(self) -> bool:
        """False: it builds upon what isn't here. Raises PushRefused for objects that git doesn't take."""
        most = str(self.work.limits.max_bytes)
        command = ["sh", "-c", UNPACK, "sh", str(MEMORY_KIB), most, str(self.push.pack.resolve())]
        code, said = await self.work.attempt(command)
        if code and not INCOMPLETE.search(said):
            found = BROKEN.search(said)
            raise PushRefused(f"git doesn't take the commits: {_short(found[0] if found else _last(said))}")
        return code == 0

    async def _check(self) -> None:
        sha, expected = self.push.sha, self.push.expected
        if (await self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{sha}^{{commit}}"))[0]:
            raise PushRefused(f"{sha[:12]} is no commit of the environment's.")
        if (await self._git("merge-base", "--is-ancestor", expected, sha))[0]:
            raise _moved(self.push)
        code, count = await self._git("rev-list", "--count", f"{expected}..{sha}")
        if code or int(count) > MOST_COMMITS:
            raise PushRefused(f"More than {MOST_COMMITS} commits at once aren't pushed from an environment.")
        await self.work.check_tree()

    async def _send(self) -> None:
        target = f"{self.push.sha}:refs/heads/{self.push.branch}"
        options = ("--no-verify", "--no-follow-tags", "--recurse-submodules=no", "--no-signed")
        code, said = await self.work.attempt(["git", "push", *options, "origin", target], credential=self.credential)
        if code:
            raise _refused(said, self.push)

    async def _git(self, *arguments: str) -> tuple[int, str]:
        return await self.work.attempt(["git", *arguments])


def _refused(said: str, push: BranchPush) -> GatewayError:
    """In the forge's own words, where it has some."""
    if MOVED.search(said):
        return _moved(push)
    words = " ".join(REMOTE.findall(said))
    if found := REJECTED.search(said):
        return PushRefused(f"The forge refused {push.branch}: {_short(words or found[1] or found[2])}")
    if REFUSED.search(said) or "error: 40" in said:
        return PushRefused(f"Catalyst's account may not write to {push.clone_url}: {_short(words or _last(said))}")
    return SourceUnavailable(f"git couldn't push to {push.clone_url}: {_short(_last(said))}")


def _moved(push: BranchPush) -> PushRefused:
    return PushRefused(
        f"The commits don't build upon {push.branch} as it is on the forge now ({push.expected[:7]}). It comes into the environment by "
        "itself, and what was committed here is kept then (`git for-each-ref refs/catalyst/kept`): bring your commits on top of it and "
        "push again."
    )


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "no explanation"


def _short(text: str) -> str:
    return " ".join(text.split())[:MOST_TOLD]
