"""Certificates and kubeconfigs: made by kubeadm, once per state."""

import json
from pathlib import Path

from deploy.local import files, kubernetes
from deploy.local.profile import PLATFORM_ADDRESS, POD_RANGE, SERVICE_RANGE, Profile
from deploy.local.run import run

NODE = "catalyst"
"""Name of the only node."""
VALIDITY = "87600h"
"""Ten years: nothing renews them, and the state may live long."""
KUBEADM_USERS = ("admin", "super-admin", "kubelet", "controller-manager", "scheduler")
USERS = {"catalyst": "catalyst", "traefik": "traefik", "netpol": "netpol", "kube-proxy": "system:kube-proxy"}
"""Kubeconfig -> the user name that the API server sees."""


def prepare(profile: Profile) -> None:
    """Make what is missing of the PKI and of the kubeconfigs."""
    kubeadm, configuration = _kubeadm(), profile.state / "kubeadm.json"
    folder = profile.kubeconfig("admin").parent
    files.write(configuration, json.dumps(_cluster(profile)) + "\n---\n" + json.dumps(_init()))
    run(kubeadm, "init", "phase", "certs", "all", "--config", configuration)
    for name in KUBEADM_USERS:
        phase = ("init", "phase", "kubeconfig", name, "--config", configuration, "--kubeconfig-dir", folder)
        run(kubeadm, *phase)
    for name, user in USERS.items():
        _write_kubeconfig(kubeadm, configuration, profile.kubeconfig(name), user)


def _write_kubeconfig(kubeadm: Path, configuration: Path, file: Path, user: str) -> None:
    if file.exists():
        return
    text = run(
        kubeadm, "kubeconfig", "user", "--client-name", user, "--config", configuration, "--validity-period", VALIDITY
    )
    files.write(file, text, 0o600)


def _kubeadm() -> Path:
    return kubernetes.artifact().folder / "kubeadm"


def _cluster(profile: Profile) -> dict[str, object]:
    return {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "kubernetesVersion": f"v{kubernetes.VERSION}",
        "clusterName": "catalyst",
        "controlPlaneEndpoint": f"{PLATFORM_ADDRESS}:{profile.ports.kubernetes}",
        "certificatesDir": str(profile.pki),
        "certificateValidityPeriod": VALIDITY,
        "networking": {"podSubnet": POD_RANGE, "serviceSubnet": SERVICE_RANGE, "dnsDomain": "cluster.local"},
        "apiServer": {"certSANs": ["127.0.0.1", "localhost"]},
    }


def _init() -> dict[str, object]:
    return {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": PLATFORM_ADDRESS},
        "nodeRegistration": {"name": NODE},
    }
