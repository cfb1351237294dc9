"""The forward proxy's program from Debian's packages, unpacked into the cache: installing it would start it."""

import shutil
import subprocess
from pathlib import Path

from deploy.local.cache import Artifact
from deploy.local.debian import download, unpack
from deploy.local.libraries import keep_libraries, packages_for

PACKAGES = ("squid", "squid-common", "squid-langpack")
PROGRAMS = ("usr/sbin/squid", "usr/lib/squid/basic_fake_auth", "usr/lib/squid/unlinkd")
PARTS = (*PROGRAMS, "usr/share/squid", "usr/share/squid-langpack/templates")


def artifact() -> Artifact:
    """A folder as CATALYST_PROXY__PACKAGE names it, with the libraries that the host may lack in `lib`."""
    return Artifact("squid", PARTS, usual_seconds=20, build=_build)


def _build(folder: Path) -> None:
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    unpacked = folder / "package"
    for archive in download(folder, *PACKAGES, *packages_for(PACKAGES[0])):
        unpack(archive, unpacked)
    for part in PARTS:
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(unpacked / part, folder / part)
    keep_libraries(folder, unpacked, [folder / program for program in PROGRAMS])
    shutil.rmtree(unpacked)
