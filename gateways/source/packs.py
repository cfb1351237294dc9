"""One commit as a git pack, for a repository elsewhere that can't or mustn't fetch it by itself."""

import asyncio
import uuid
from pathlib import Path

from activities.protocols import SourceRefused
from gateways.processes import run
from gateways.source.cache import SourceLimits
from gateways.source.errors import SourceUnavailable
from gateways.source.isolated import git_environment

# pack-objects reads what to pack from its input and writes the pack to its output; names come in as arguments only.
# Without --shallow it finds deltas against parents only, and neither commit has any here.
SCRIPT = 'printf "$1" | git pack-objects --revs --thin --shallow --stdout --quiet --delta-base-offset > "$2"'
MAX_COMPLAINT = 500


async def pack_commit(folder: Path, sha: str, base: Path | None, limits: SourceLimits) -> Path:
    """The file, beside the checkout, which pruning removes some time later. `base`: checkout of a commit that the receiver has.
    Raises SourceRefused past a limit on size or time, SourceUnavailable."""
    target = folder.with_name(f".pack-{sha}-{base.name if base else 'all'}")
    if not target.exists():
        partial = target.with_name(f".partial-{uuid.uuid4().hex}")
        await _pack(folder, sha, base, partial, limits)
        if partial.stat().st_size > limits.max_bytes:
            partial.unlink()
            raise SourceRefused(f"The commit is larger than source.max_bytes ({limits.max_bytes}).")
        partial.rename(target)
    target.touch()
    return target


async def _pack(folder: Path, sha: str, base: Path | None, target: Path, limits: SourceLimits) -> None:
    """Both commits are shallow: their parents are here neither, nor are they sent."""
    boundary = [sha, *([base.name] if base else [])]
    shallow = target.with_name(f"{target.name}.shallow")
    shallow.write_text("".join(f"{each}\n" for each in boundary))
    environment = git_environment(None, limits.allow_file_urls) | {"GIT_SHALLOW_FILE": str(shallow)}
    if base is not None:
        environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = str(base / ".git" / "objects")
    wanted = f"{sha}\\n" + (f"^{base.name}\\n" if base else "")
    complaint = bytearray()
    command = ["sh", "-c", SCRIPT, "sh", wanted, str(target)]
    try:
        async with asyncio.timeout(limits.timeout.total_seconds()):
            code = await run(command, output=complaint.extend, environment=environment, folder=folder)
    except TimeoutError as error:
        seconds = limits.timeout.total_seconds()
        raise SourceRefused(f"Packing {sha[:12]} took longer than source.timeout ({seconds:.0f} s)") from error
    finally:
        shallow.unlink()
    if code != 0:
        said = " ".join(complaint.decode(errors="replace").split())
        raise SourceUnavailable(f"git couldn't pack {sha[:12]}: {said[:MAX_COMPLAINT]}")
