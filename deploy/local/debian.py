"""Programs from Debian's packages, unpacked into the cache: installing the packages would start services of the host's."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from deploy.local.cache import Artifact

CONTAINERD = ("containerd", "usr/bin/containerd", "usr/bin/containerd-shim-runc-v2", "usr/bin/ctr")
CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap", "firewall", "tuning")


def artifacts() -> list[Artifact]:
    """`etcd`, `docker-registry`, `runc`, a static `busybox`, containerd and CNI plugins, each in its folder."""
    return [
        _programs("etcd-server", "usr/bin/etcd"),
        _programs("docker-registry", "usr/bin/docker-registry"),
        _programs("runc", "usr/sbin/runc"),
        _programs("busybox-static", "bin/busybox"),
        _programs(*CONTAINERD),
        cni_plugins(),
    ]


def cni_plugins() -> Artifact:
    """A folder with CNI_PLUGINS in it, as containerd and buildkitd want it."""
    paths = tuple(f"usr/lib/cni/{plugin}" for plugin in CNI_PLUGINS)
    return _programs("containernetworking-plugins", *paths, name="cni")


def program(name: str) -> Path:
    """Path of a program from `artifacts()`, built or not.

    Raises KeyError for a program that none of them holds.
    """
    return holder(name).folder / name


def holder(name: str) -> Artifact:
    """The one of `artifacts()` that holds this program. Raises KeyError like `program`."""
    for artifact in artifacts():
        if name in (Path(str(path)).name for path in artifact.recipe[1:]):
            return artifact
    raise KeyError(f"no Debian package of ours holds the program {name}")


def _programs(package: str, *paths: str, name: str | None = None) -> Artifact:
    """`paths`: of the programs inside the package; the artifact is called after the first unless `name` is given."""
    name = name or Path(paths[0]).name
    return Artifact(name, (package, *paths), usual_seconds=10, build=partial(_unpack, package, paths))


def download(folder: Path, *packages: str) -> list[Path]:
    """Packages as apt's lists know them, into the folder; their archives."""
    # apt downloads into the working directory, as its own unprivileged user where it can.
    subprocess.run(["apt-get", "download", "-qq", *packages], cwd=folder, check=True)
    return list(folder.glob("*.deb"))


def unpack(archive: Path, folder: Path) -> None:
    """Its files into the folder; the archive goes."""
    subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)
    archive.unlink()


def depends(*words: str) -> list[str]:
    """Names of packages, as apt-cache lists them; with --recurse those of their dependencies too."""
    plain = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
    told = subprocess.run(["apt-cache", "depends", *plain, *words], check=True, capture_output=True, text=True).stdout
    return sorted({found for line in told.splitlines() if (found := line.split(":")[-1].strip()) and "<" not in found})


def keep_libraries(folder: Path, unpacked: Path, programs: Iterable[Path]) -> None:
    """Into `folder`/lib what these programs load of all that was unpacked; the C library is the host's."""
    (folder / "lib").mkdir()
    found = {str(library.parent) for library in unpacked.rglob("*.so.*")}
    environment = os.environ | {"LD_LIBRARY_PATH": ":".join(sorted(found))}
    command = ["ldd", *map(str, programs)]
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    for library in set(re.findall(r"=> (\S+)", told)):
        if Path(library).is_relative_to(unpacked):
            shutil.copy2(library, folder / "lib")


def _unpack(package: str, paths: tuple[str, ...], folder: Path) -> None:
    unpacked = folder / "package"
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    for archive in download(folder, package):
        unpack(archive, unpacked)
    for path in paths:
        shutil.copy2(unpacked / path, folder / Path(path).name)
    shutil.rmtree(unpacked)
