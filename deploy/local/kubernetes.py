"""Kubernetes' own programs, compiled from their Go module: no image and no release archive can be fetched everywhere."""

import os
import subprocess
from pathlib import Path

from deploy.local.cache import Artifact

VERSION = "1.34.4"
"""The newest minor whose kubelet still accepts cgroup v1 (design: local-platform)."""
MODULE = Path(__file__).parent / "go" / "kubernetes"
PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "kubeadm",
)
LINK_FLAGS = f"-s -w -X k8s.io/component-base/version.gitVersion=v{VERSION}"


def artifact() -> Artifact:
    """All of PROGRAMS in one folder."""
    recipe = (VERSION, LINK_FLAGS, *PROGRAMS, MODULE / "go.mod", MODULE / "go.sum")
    return Artifact("kubernetes", recipe, usual_seconds=300, build=_compile)


def _compile(folder: Path) -> None:
    packages = [f"k8s.io/kubernetes/cmd/{program}" for program in PROGRAMS]
    command = ["go", "build", "-trimpath", "-ldflags", LINK_FLAGS, "-o", f"{folder}/", *packages]
    subprocess.run(command, cwd=MODULE, env=os.environ | {"CGO_ENABLED": "0"}, check=True)
