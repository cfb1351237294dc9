"""PostgreSQL's server from Debian's packages, for the tests of the store: unpacked into the cache, no service is installed."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.cache import Artifact
from deploy.local.debian import download, unpack
from deploy.local.libraries import depends, keep_libraries, packages_for

PROGRAMS = ("postgres", "initdb")
PARTS = ("usr/lib/postgresql", "usr/share/postgresql")


@dataclass(frozen=True)
class Programs:
    """The server below one folder; another account can run it when it may read all of that."""

    folder: Path

    def path(self, name: str) -> Path:
        """Of one of PROGRAMS."""
        [found] = self.folder.glob(f"usr/lib/postgresql/*/bin/{name}")
        return found

    def environment(self) -> dict[str, str]:
        return {"LD_LIBRARY_PATH": str(self.folder / "lib"), "LC_ALL": "C"}


def artifact() -> Artifact:
    """The server of the version that this Debian has, and the libraries it needs."""
    return Artifact("postgresql", ("postgresql", *PARTS), usual_seconds=30, build=_build)


def _build(folder: Path) -> None:
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    server = next(name for name in depends("postgresql") if re.fullmatch(r"postgresql-\d+", name))
    unpacked = folder / "package"
    for archive in download(folder, server, *packages_for(server)):
        unpack(archive, unpacked)
    for part in PARTS:
        shutil.move(unpacked / part, folder / part)
    keep_libraries(folder, unpacked, [Programs(folder).path(name) for name in PROGRAMS])
    shutil.rmtree(unpacked)
