"""Images of one static program, and Debian's base: made without a builder."""

import os
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from deploy.local import debian
from deploy.local.cache import Artifact, ensure
from deploy.local.images import layout

SUITE = "bookworm"
KEPT_OUT = ("doc", "info", "lintian", "locale", "man")
"""Of /usr/share: as in the well-known slim image."""
SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ACCOUNTS = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
}
SLIM = "".join(f"path-exclude /usr/share/{name}/*\n" for name in KEPT_OUT) + "path-include /usr/share/doc/*/copyright\n"
CLEAN = 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };\n'
NO_SERVICES = "#!/bin/sh\nexit 101\n"
"""Debian's packages start nothing while they are installed in a container."""


def program(name: str, source: Artifact) -> Artifact:
    """The image of a program that takes nothing but its arguments; the program is called like its artifact."""
    return Artifact(f"image-{name}", (source.folder.name,), usual_seconds=5, build=partial(_program, source))


def busybox(name: str, process: dict[str, Any]) -> Artifact:
    """All of busybox' commands, linked to it."""
    recipe = (debian.holder("busybox").folder.name, repr(process), *ACCOUNTS.values())
    return Artifact(f"image-{name}", recipe, usual_seconds=2, build=partial(_busybox, process))


def base() -> Artifact:
    """Debian's smallest set, without documentation."""
    recipe = (SUITE, SLIM, CLEAN, NO_SERVICES, SEARCH_PATH)
    return Artifact("image-debian", recipe, usual_seconds=60, build=_base)


def _program(source: Artifact, folder: Path) -> None:
    tree = folder / "tree"
    found = ensure(source)
    name = source.name
    _copy(found / name, tree / "bin" / name)
    (tree / "tmp").mkdir(mode=0o1777)
    layout.write(tree, folder, {"Entrypoint": [f"/bin/{name}"], "Env": [SEARCH_PATH]})
    shutil.rmtree(tree)


def _busybox(process: dict[str, Any], folder: Path) -> None:
    tree = folder / "tree"
    program = ensure(debian.holder("busybox")) / "busybox"
    _copy(program, tree / "bin" / "busybox")
    names = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.split()
    for name in names:
        if name != "busybox":
            (tree / "bin" / name).symlink_to("busybox")
    for name, text in ACCOUNTS.items():
        (tree / "etc").mkdir(exist_ok=True)
        (tree / "etc" / name).write_text(text)
    for place, mode in {"tmp": 0o1777, "root": 0o700, "home": 0o755, "var": 0o755}.items():
        (tree / place).mkdir()
        (tree / place).chmod(mode)
    layout.write(tree, folder, {"Env": [SEARCH_PATH]} | process)
    shutil.rmtree(tree)


def _base(folder: Path) -> None:
    tree = folder / "tree"
    _debootstrap(folder, tree)
    files = {
        "etc/dpkg/dpkg.cfg.d/01-slim": SLIM,
        "etc/apt/apt.conf.d/docker-clean": CLEAN,
        "usr/sbin/policy-rc.d": NO_SERVICES,
        "etc/hostname": "",
        "etc/resolv.conf": "",
    }
    for name, text in files.items():
        (tree / name).write_text(text)
    (tree / "usr/sbin/policy-rc.d").chmod(0o755)
    for place in (
        *(f"usr/share/{name}" for name in KEPT_OUT),
        "var/cache/apt",
        "var/lib/apt/lists",
        "var/log",
        "dev",
        "tmp",
    ):
        _empty(tree / place)
    layout.write(tree, folder, {"Cmd": ["bash"], "Env": [SEARCH_PATH]})
    shutil.rmtree(tree)


def _debootstrap(folder: Path, tree: Path) -> None:
    tool = folder / "debootstrap"
    tool.mkdir()
    # apt downloads into the working directory, as its own unprivileged user where it can.
    subprocess.run(["apt-get", "download", "-qq", "debootstrap"], cwd=tool, check=True)
    subprocess.run(["dpkg-deb", "-x", str(next(tool.glob("*.deb"))), str(tool)], check=True)
    command = [str(tool / "usr/sbin/debootstrap"), "--variant=minbase", SUITE, str(tree), *_mirror()]
    environment = os.environ | {"DEBOOTSTRAP_DIR": str(tool / "usr/share/debootstrap")}
    log = folder / "debootstrap.log"
    with log.open("wb") as output:
        done = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise OSError(f"debootstrap failed: {log.read_text()[-500:]}")
    shutil.rmtree(tool)
    log.unlink()


def _mirror() -> list[str]:
    """Where this machine gets Debian from, when it is of the same suite; else debootstrap's own default."""
    targets = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", f"Codename: {SUITE}"]
    found = subprocess.run(targets, check=True, capture_output=True, text=True).stdout.split()
    return found[:1]


def _empty(folder: Path) -> None:
    for entry in folder.iterdir() if folder.exists() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _copy(program: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(program, target)
    target.chmod(0o755)
