"""Built binaries, kept outside the checkout under a key of everything that went into them.

A fresh clone on the same machine starts at once because `ensure` finds what an earlier checkout built.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("CATALYST_CACHE", "~/.cache/catalyst")).expanduser()


@dataclass(frozen=True)
class Artifact:
    """Something built once and found again by its key."""

    name: str
    recipe: tuple[str | Path, ...]
    """All inputs of the build: literal strings (versions, flags) and files whose bytes count."""
    usual_seconds: int
    """How long it takes on two cores from an empty module cache; shown while it builds."""
    build: Callable[[Path], None]
    """Fills the given empty folder; an exception leaves nothing behind."""

    @property
    def folder(self) -> Path:
        digest = hashlib.sha256(self.name.encode())
        for part in self.recipe:
            digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
            digest.update(b"\0")
        return CACHE / "artifacts" / f"{self.name}-{digest.hexdigest()[:16]}"


def ensure(artifact: Artifact) -> Path:
    """Return the folder of the artifact, building it first where it is missing.

    Two builders at once (two checkouts, `make up` beside `make test`) build it once: the second one waits.
    """
    if artifact.folder.exists():
        return artifact.folder
    artifact.folder.parent.mkdir(parents=True, exist_ok=True)
    with artifact.folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return artifact.folder if artifact.folder.exists() else _build(artifact)


def _build(artifact: Artifact) -> Path:
    partial = artifact.folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    print(f"building {artifact.name} (usually {artifact.usual_seconds} s) …", file=sys.stderr, flush=True)
    began = time.monotonic()
    artifact.build(partial)
    partial.rename(artifact.folder)
    print(f"built {artifact.name} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return artifact.folder
