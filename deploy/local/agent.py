"""The agent that runs in development pods (agent/, docs/decisions/0013), compiled."""

import os
import subprocess
from pathlib import Path

from deploy.local.cache import Artifact

MODULE = Path(__file__).parents[2] / "agent"
LINK_FLAGS = "-s -w"


def artifact() -> Artifact:
    """`agent`, alone in its folder."""
    return Artifact("agent", (LINK_FLAGS, *_sources()), usual_seconds=15, build=_compile)


def _sources() -> list[Path]:
    return [MODULE / "go.mod", *sorted(MODULE.glob("*.go"))]


def _compile(folder: Path) -> None:
    command = ["go", "build", "-trimpath", f"-ldflags={LINK_FLAGS}", "-o", str(folder / "agent"), "."]
    # Static: it is PID 1 in images with whatever C library, or none.
    subprocess.run(command, cwd=MODULE, env=os.environ | {"CGO_ENABLED": "0"}, check=True)
