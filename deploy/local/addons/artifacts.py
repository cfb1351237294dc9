"""The addons' programs, compiled from their Go modules."""

import os
import subprocess
from functools import partial
from pathlib import Path

from deploy.local.cache import Artifact

OWN_MODULES = Path(__file__).parents[1] / "go"
"""Programs with a main of our own; one folder each."""
LINK_FLAGS = "-s -w"
VERSIONS = {"coredns": "v1.13.1", "metrics-server": "v0.9.0", "local-path-provisioner": "v0.0.30"}
"""What runs in the cluster, from images called after the program and its version."""


def artifacts() -> list[Artifact]:
    return [*(program(name) for name in VERSIONS), network_policy()]


def program(name: str) -> Artifact:
    """One of VERSIONS, alone in its folder. Raises KeyError for another name."""
    return {
        "coredns": _own("coredns", usual_seconds=60),
        "metrics-server": _whole("sigs.k8s.io/metrics-server/cmd/metrics-server", usual_seconds=100),
        "local-path-provisioner": _whole("github.com/rancher/local-path-provisioner", usual_seconds=60),
    }[name]


def network_policy() -> Artifact:
    """`netpol`, alone in its folder."""
    return _own("netpol", usual_seconds=50)


def _whole(package: str, usual_seconds: int) -> Artifact:
    name = package.rpartition("/")[2]
    recipe = (package, VERSIONS[name], LINK_FLAGS)
    return Artifact(name, recipe, usual_seconds, partial(_install, f"{package}@{VERSIONS[name]}"))


def _own(name: str, usual_seconds: int) -> Artifact:
    module = OWN_MODULES / name
    recipe: tuple[str | Path, ...] = (LINK_FLAGS, *(module / file for file in ("go.mod", "go.sum", "main.go")))
    return Artifact(name, recipe, usual_seconds, partial(_compile, module))


def _install(package: str, folder: Path) -> None:
    command = ["go", "install", "-trimpath", f"-ldflags={LINK_FLAGS}", package]
    # Outside any module, so that Go checks the download against its checksum database and no go.mod of ours.
    subprocess.run(command, cwd=folder, env=_environment(GOBIN=str(folder)), check=True)


def _compile(module: Path, folder: Path) -> None:
    command = ["go", "build", "-trimpath", f"-ldflags={LINK_FLAGS}", "-o", f"{folder / module.name}", "."]
    subprocess.run(command, cwd=module, env=_environment(), check=True)


def _environment(**more: str) -> dict[str, str]:
    # Static: these run in images with nothing else inside.
    return os.environ | {"CGO_ENABLED": "0"} | more
