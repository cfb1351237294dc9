"""The addons' programs, compiled from their Go modules."""

import os
import subprocess
from functools import partial
from pathlib import Path

from deploy.local.cache import Artifact

POLICY_MODULE = Path(__file__).parents[1] / "go" / "netpol"
MODULES = {
    "coredns": ("github.com/coredns/coredns", "v1.13.1", 120),
    "metrics-server": ("sigs.k8s.io/metrics-server/cmd/metrics-server", "v0.9.0", 100),
    "local-path-provisioner": ("github.com/rancher/local-path-provisioner", "v0.0.30", 60),
}
"""Program: its package, its module's version, and the usual seconds of its build."""


def artifacts() -> list[Artifact]:
    return [*(program(name) for name in MODULES), network_policy()]


def program(name: str) -> Artifact:
    """One of MODULES, alone in its folder. Raises KeyError for another name."""
    package, version, seconds = MODULES[name]
    return Artifact(name, (package, version), usual_seconds=seconds, build=partial(_install, package, version))


def network_policy() -> Artifact:
    """`netpol`, alone in its folder."""
    recipe = tuple(POLICY_MODULE / name for name in ("go.mod", "go.sum", "main.go"))
    return Artifact("netpol", recipe, usual_seconds=50, build=_compile_network_policy)


def _install(package: str, version: str, folder: Path) -> None:
    command = ["go", "install", "-trimpath", "-ldflags=-s -w", f"{package}@{version}"]
    # Outside any module, so that Go checks the download against its checksum database and no go.mod of ours.
    subprocess.run(command, cwd=folder, env=_environment(GOBIN=str(folder)), check=True)


def _compile_network_policy(folder: Path) -> None:
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", f"{folder}/netpol", "."]
    subprocess.run(command, cwd=POLICY_MODULE, env=_environment(), check=True)


def _environment(**more: str) -> dict[str, str]:
    # Static: these run in images with nothing else inside.
    return os.environ | {"CGO_ENABLED": "0"} | more
