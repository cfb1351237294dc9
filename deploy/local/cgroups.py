"""The cgroup that all pods and builds of the platform lie below, on cgroup v1, v2 and the mixture."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.local.errors import SetupError

ROOT = Path("/sys/fs/cgroup")
NAME = "catalyst"
"""Below it lie the kubelet's groups and those of builds."""


def make() -> None:
    """The pods' cgroup in every hierarchy; the kubelet wants to find it."""
    for hierarchy in _hierarchies():
        group = hierarchy / NAME
        group.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            # On v1 a new group may run on no processor until it is told.
            if (group / file).exists() and (ROOT / "cpuset").exists():
                (group / file).write_text((hierarchy / file).read_text())


def remove() -> None:
    """Remove it with all below; every process in it must have ended.

    Raises SetupError when one hasn't.
    """
    for hierarchy in _hierarchies():
        for folder, _, _ in os.walk(hierarchy / NAME, topdown=False):
            _remove_folder(Path(folder))


def _remove_folder(folder: Path) -> None:
    """The kernel counts a killed process as a member for some moments after its end."""
    deadline = time.monotonic() + 5
    while True:
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > deadline:
                processes = " ".join((folder / "cgroup.procs").read_text().split())
                raise SetupError(
                    f"The platform's cgroup {folder} can't be removed: processes {processes or 'of an unknown kind'} "
                    "still run in it. End them and run this again."
                ) from error
            time.sleep(0.05)


def _hierarchies() -> Iterator[Path]:
    """Once each: on v1, `cpu` may be a link to `cpu,cpuacct`."""
    if (ROOT / "cgroup.controllers").exists():
        yield ROOT
        return
    yield from {folder.resolve() for folder in ROOT.iterdir() if (folder / "cgroup.procs").exists()}
