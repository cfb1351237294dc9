"""The sidecar that runs in development pods (sidecar/, docs/decisions/0013), compiled."""

import os
import subprocess
from pathlib import Path

from deploy.local.cache import Artifact

MODULE = Path(__file__).parents[2] / "sidecar"
LINK_FLAGS = "-s -w"


def artifact() -> Artifact:
    """`sidecar`, alone in its folder."""
    return Artifact("sidecar", (LINK_FLAGS, *_sources()), usual_seconds=15, build=_compile)


def _sources() -> list[Path]:
    return [MODULE / "go.mod", *sorted(MODULE.glob("*.go"))]


def _compile(folder: Path) -> None:
    command = ["go", "build", "-trimpath", f"-ldflags={LINK_FLAGS}", "-o", str(folder / "sidecar"), "."]
    # Static: it is PID 1 in images with whatever C library, or none.
    subprocess.run(command, cwd=MODULE, env=os.environ | {"CGO_ENABLED": "0"}, check=True)
