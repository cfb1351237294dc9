"""Programs from Debian's packages, unpacked into the cache: installing the packages would start services of the host's."""

import shutil
import subprocess
from functools import partial
from pathlib import Path

from deploy.local.cache import Artifact


def artifacts() -> list[Artifact]:
    """`etcd`, `docker-registry`, `runc` and a static `busybox`, each alone in its folder."""
    return [
        _program("etcd-server", "usr/bin/etcd"),
        _program("docker-registry", "usr/bin/docker-registry"),
        _program("runc", "usr/sbin/runc"),
        _program("busybox-static", "bin/busybox"),
    ]


def _program(package: str, path: str) -> Artifact:
    """`path`: of the program inside the package."""
    return Artifact(Path(path).name, (package, path), usual_seconds=10, build=partial(_unpack, package, path))


def _unpack(package: str, path: str, folder: Path) -> None:
    unpacked = folder / "package"
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    # apt downloads into the working directory, as its own unprivileged user where it can.
    subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True)
    subprocess.run(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), str(unpacked)], check=True)
    shutil.copy2(unpacked / path, folder / Path(path).name)
    shutil.rmtree(unpacked)
