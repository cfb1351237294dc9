"""etcd from Debian's package, unpacked into the cache: installing the package would start a service of the host's."""

import shutil
import subprocess
from pathlib import Path

from deploy.local.cache import Artifact

PACKAGE = "etcd-server"


def artifact() -> Artifact:
    """The program `etcd` in one folder."""
    return Artifact("etcd", (PACKAGE,), usual_seconds=10, build=_unpack)


def _unpack(folder: Path) -> None:
    unpacked = folder / "package"
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    # apt downloads into the working directory, as its own unprivileged user where it can.
    subprocess.run(["apt-get", "download", "-qq", PACKAGE], cwd=folder, check=True)
    subprocess.run(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), str(unpacked)], check=True)
    shutil.copy2(unpacked / "usr" / "bin" / "etcd", folder / "etcd")
    shutil.rmtree(unpacked)
