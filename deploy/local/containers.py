"""containerd for the node: folders and socket of its own, so that a host's containerd is left alone."""

import json
from pathlib import Path

from deploy.local import debian, files, images, uplink
from deploy.local.network import NODE_POD_RANGE, POD_BRIDGE
from deploy.local.profile import Profile
from deploy.local.program import Program

CONFIGURATION = """\
version = 2
root = "{state}/containerd"
state = "/run/containerd/catalyst"
# `opt` would make /opt/containerd; the snapshotters look for devices and file systems that nobody uses here.
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
disable_apparmor = true
disable_hugetlb_controller = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{cni}"
conf_dir = "{state}/net.d"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{state}/registries"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
"""


def program(profile: Profile) -> Program:
    """The daemon; writes its configuration, the pods' network and where images come from."""
    file = profile.state / "containerd.toml"
    files.write(file, configuration(profile))
    _write_network(profile)
    _write_registries(profile)
    command = (str(debian.program("containerd")), f"--config={file}")
    return Program("containerd", command, priority=10, ready=("unix", str(socket(profile))))


def socket(profile: Profile) -> Path:
    return profile.state / "run" / "containerd.sock"


def configuration(profile: Profile) -> str:
    """containerd's TOML."""
    return CONFIGURATION.format(
        state=profile.state,
        socket=socket(profile),
        pause=images.local(profile, images.PAUSE),
        cni=debian.cni_plugins().folder,
        runc=debian.program("runc"),
    )


def registry_hosts(profile: Profile) -> dict[str, str]:
    """Name of a registry -> its hosts.toml: ours by plain http, and ours before Docker Hub, which may be out of reach."""
    ours = f'[host."http://localhost:{profile.ports.registry}"]\ncapabilities = ["pull", "resolve"]\n'
    return {
        f"localhost:{profile.ports.registry}": ours,
        "docker.io": f'server = "https://registry-1.docker.io"\n{ours}',
    }


def _write_network(profile: Profile) -> None:
    addresses = profile.state / "run" / "addresses"
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": str(NODE_POD_RANGE)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(addresses),
    }
    # Address translation is network.py's: one rule for all pods, which a killed platform can't leave behind by the hundred.
    bridge = {
        "type": "bridge",
        "bridge": POD_BRIDGE,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "mtu": uplink.mtu(),
        "ipam": ipam,
    }
    network = {"cniVersion": "0.4.0", "name": "catalyst", "plugins": [bridge]}
    files.write(profile.state / "net.d" / "catalyst.conflist", json.dumps(network))


def _write_registries(profile: Profile) -> None:
    for name, hosts in registry_hosts(profile).items():
        files.write(profile.state / "registries" / name / "hosts.toml", hosts)
