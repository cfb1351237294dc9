"""Where one platform keeps its state and on which addresses it listens.

One platform per machine: both profiles use the same addresses and differ in their state folder only.
"""

import os
from dataclasses import dataclass
from pathlib import Path

PLATFORM_ADDRESS = "10.250.0.1"
"""On a bridge of ours without ports (`catalyst0`; some kernels know no dummy interface): what pods and the node must reach listens here, everything else on loopback."""

STATE = Path(os.environ.get("CATALYST_STATE", "/var/lib/catalyst"))
"""Of all profiles: one folder each."""

POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"


@dataclass(frozen=True)
class Ports:
    """TCP ports; loopback unless said otherwise."""

    api: int = 8700
    worker_health: int = 8701
    reviews: int = 8702
    """Where the API server tells the API who deletes an Environment."""
    forge: int = 3700
    temporal: int = 7233
    temporal_ui: int = 8233
    registry: int = 5000
    """On loopback; images are named `localhost:5000/…` in pods' specs and by BuildKit alike."""
    ingress: int = 8780
    """On loopback and on PLATFORM_ADDRESS."""
    egress: int = 20000
    """On PLATFORM_ADDRESS: the forward proxy, for builds; its ports for projects come after it."""
    kubernetes: int = 6443
    """On PLATFORM_ADDRESS."""
    etcd: int = 2379


@dataclass(frozen=True)
class Profile:
    name: str
    """`demo` or `test`."""
    ports: Ports = Ports()
    root: Path = STATE

    @property
    def state(self) -> Path:
        """All that this profile keeps; gone with `purge` and `--fresh`."""
        return self.root / self.name

    @property
    def logs(self) -> Path:
        """One file per program: `<program>.log`."""
        return self.state / "logs"

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    def kubeconfig(self, user: str) -> Path:
        """Of `admin`, `catalyst` (the product), `traefik`, `netpol` or one of Kubernetes' own programs; client certificates, 0600."""
        return self.state / "kubeconfigs" / f"{user}.conf"

    def secret(self, name: str) -> Path:
        """A file 0600, made once per state."""
        return self.state / "secrets" / name
