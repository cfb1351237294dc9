"""PostgreSQL's server from Debian's packages, for the tests of the store: unpacked into the cache, no service is installed."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.cache import Artifact
from deploy.local.debian import depends, download, keep_libraries, unpack

LIBRARIES = re.compile(r"^lib(?!c6|c-|llvm|z3|perl|elogind|.*-perl$)")
"""Packages that may hold what the server links against; the C library is the host's, and the just-in-time compiler stays off."""
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
    libraries = [name for name in depends("--recurse", server) if LIBRARIES.match(name)]
    unpacked = folder / "package"
    for archive in download(folder, server, *libraries):
        unpack(archive, unpacked)
    for part in PARTS:
        shutil.move(unpacked / part, folder / part)
    keep_libraries(folder, unpacked, map(Programs(folder).path, PROGRAMS))
    shutil.rmtree(unpacked)
