"""PostgreSQL's server from Debian's packages, for the tests of the store: unpacked into the cache, no service is installed."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.cache import Artifact
from deploy.local.debian import download, unpack

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
    server = next(name for name in _depends("postgresql") if re.fullmatch(r"postgresql-\d+", name))
    libraries = [name for name in _depends("--recurse", server) if LIBRARIES.match(name)]
    unpacked = folder / "package"
    for archive in download(folder, server, *libraries):
        unpack(archive, unpacked)
    for part in PARTS:
        shutil.move(unpacked / part, folder / part)
    _keep_libraries(folder, unpacked)
    shutil.rmtree(unpacked)


def _keep_libraries(folder: Path, unpacked: Path) -> None:
    """Of all that was unpacked only what the programs load."""
    (folder / "lib").mkdir()
    found = {str(library.parent) for library in unpacked.rglob("*.so.*")}
    environment = os.environ | {"LD_LIBRARY_PATH": ":".join(sorted(found))}
    command = ["ldd", *(str(Programs(folder).path(name)) for name in PROGRAMS)]
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    for library in set(re.findall(r"=> (\S+)", told)):
        if Path(library).is_relative_to(unpacked):
            shutil.copy2(library, folder / "lib")


def _depends(*words: str) -> list[str]:
    """Names of packages, as apt-cache lists them; with --recurse those of their dependencies too."""
    plain = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
    told = subprocess.run(["apt-cache", "depends", *plain, *words], check=True, capture_output=True, text=True).stdout
    return sorted({found for line in told.splitlines() if (found := line.split(":")[-1].strip()) and "<" not in found})
