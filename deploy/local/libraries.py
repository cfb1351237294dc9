"""Shared libraries of programs from Debian's packages, so that these run without being installed."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

LIBRARIES = re.compile(r"^lib(?!c6|c-|llvm|z3|perl|elogind|.*-perl$)")
"""Packages that may hold what a program links against; the C library is the host's, and what compiles just in time stays off."""


def packages_for(package: str) -> list[str]:
    """Every package of libraries that it depends on, directly or not."""
    return [name for name in depends("--recurse", package) if LIBRARIES.match(name)]


def keep_libraries(folder: Path, unpacked: Path, programs: Sequence[Path]) -> None:
    """Of all that was unpacked only what the programs load, into `lib` of the folder."""
    (folder / "lib").mkdir()
    found = {str(library.parent) for library in unpacked.rglob("*.so*")}
    environment = os.environ | {"LD_LIBRARY_PATH": ":".join(sorted(found))}
    command = ["ldd", *map(str, programs)]
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    for library in set(re.findall(r"=> (\S+)", told)):
        if Path(library).is_relative_to(unpacked):
            shutil.copy2(library, folder / "lib")


def depends(*words: str) -> list[str]:
    """Names of packages, as apt-cache lists them; with --recurse those of their dependencies too."""
    plain = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
    told = subprocess.run(["apt-cache", "depends", *plain, *words], check=True, capture_output=True, text=True).stdout
    return sorted({found for line in told.splitlines() if (found := line.split(":")[-1].strip()) and "<" not in found})
