"""Programs from Debian's packages, unpacked into the cache: installing the packages would start services of the host's."""

import shutil
import subprocess
from functools import partial
from pathlib import Path

from deploy.local.cache import Artifact


def artifacts() -> list[Artifact]:
    """`etcd` and `docker-registry`, each alone in its folder."""
    return [_program("etcd", "etcd-server"), _program("docker-registry", "docker-registry")]


def _program(program: str, package: str) -> Artifact:
    return Artifact(program, (package,), usual_seconds=10, build=partial(_unpack, program, package))


def _unpack(program: str, package: str, folder: Path) -> None:
    unpacked = folder / "package"
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    # apt downloads into the working directory, as its own unprivileged user where it can.
    subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True)
    subprocess.run(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), str(unpacked)], check=True)
    shutil.copy2(unpacked / "usr" / "bin" / program, folder / program)
    shutil.rmtree(unpacked)
