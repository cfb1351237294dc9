"""The forward proxy's program from Debian's packages, unpacked into the cache: installing it would start it."""

import re
import shutil
import subprocess
from pathlib import Path

from deploy.local.cache import Artifact
from deploy.local.debian import depends, download, keep_libraries, unpack

PACKAGES = ("squid", "squid-common", "squid-langpack")
LIBRARIES = re.compile(r"^lib(?!c6$|elogind|.*perl)")
"""Packages that may hold what the program links against; the C library is the host's."""
PROGRAMS = ("usr/sbin/squid", "usr/lib/squid/basic_fake_auth", "usr/lib/squid/unlinkd")
PARTS = (*PROGRAMS, "usr/share/squid", "usr/share/squid-langpack/templates")


def artifact() -> Artifact:
    """A folder as CATALYST_PROXY__PACKAGE names it, with the libraries that the host may lack in `lib`."""
    return Artifact("squid", PARTS, usual_seconds=20, build=_build)


def _build(folder: Path) -> None:
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    libraries = [name for name in depends("--recurse", PACKAGES[0]) if LIBRARIES.match(name)]
    unpacked = folder / "package"
    for archive in download(folder, *PACKAGES, *libraries):
        unpack(archive, unpacked)
    for part in PARTS:
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(unpacked / part, folder / part)
    keep_libraries(folder, unpacked, (folder / program for program in PROGRAMS))
    shutil.rmtree(unpacked)
