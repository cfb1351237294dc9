"""What the machine must have before the platform can run on it; each lack is a sentence."""

import errno
import os
import shutil
import socket
import tempfile
from ctypes.util import find_library
from pathlib import Path

from deploy.local.errors import SetupError
from deploy.local.profile import PLATFORM_ADDRESS, Profile
from deploy.local.run import run

PACKAGES = {
    "ip": "iproute2",
    "iptables": "iptables",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "unshare": "util-linux",
    "mount": "mount",
    "mkfs.ext4": "e2fsprogs",
    "openssl": "openssl",
    "curl": "curl",
    "git": "git",
    # debootstrap, which makes the images' base, fetches with it.
    "wget": "wget",
}
"""Programs the platform runs -> Debian's package; none of these starts a service when it is installed."""
LIBRARIES = {
    # Playwright's own Node links against it.
    "atomic": "libatomic1",
}
"""Names that the linker knows them by -> Debian's package."""
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
CGROUP = Path("/sys/fs/cgroup")
CGROUP_V1 = ("cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer")


def check(profile: Profile) -> None:
    """What a running platform needs. Raises SetupError with the first thing that is missing."""
    check_root()
    _check_cgroups()
    _check_overlay(profile)


def check_ports(profile: Profile) -> None:
    """Raises SetupError when another program listens where the platform will; only asked while no platform runs."""
    ports = profile.ports
    loopback = (
        ports.api,
        ports.worker_health,
        ports.reviews,
        ports.forge,
        ports.temporal,
        ports.temporal_ui,
        ports.registry,
        ports.ingress,
        ports.etcd,
    )
    for port in loopback:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                raise SetupError(
                    f"Port {port} on 127.0.0.1 is taken by {_listener(port)}: stop that and run this again."
                ) from error


def check_address() -> None:
    """Raises SetupError when the platform's address is somebody else's already; only asked while no platform runs."""
    for line in run("ip", "-o", "-4", "address", "show").splitlines():
        _, interface, _, address = line.split()[:4]
        if address.partition("/")[0] == PLATFORM_ADDRESS:
            raise SetupError(
                f"The platform's address {PLATFORM_ADDRESS} belongs to the interface {interface}: free it."
            )


def has_network_tools() -> bool:
    """Without them nothing of ours was ever made in the host's network, and nothing is to be cleaned there."""
    return all(shutil.which(program) for program in ("ip", "iptables", "ipset"))


def check_root() -> None:
    if os.geteuid() != 0:
        raise SetupError("The local platform runs containers and must be root: run this again with sudo or as root.")


def _check_package_tools() -> None:
    missing = [program for program in ("apt-get", "dpkg-deb") if shutil.which(program) is None]
    if missing:
        raise SetupError(
            f"No {' and no '.join(missing)}: the local platform takes containerd, etcd and others from Debian's packages. "
            "Run it on Debian or Ubuntu, or in a virtual machine with one of them."
        )


def install() -> None:
    """The Debian packages that building and running need, where they are missing. Raises SetupError."""
    _check_package_tools()
    missing = {package for program, package in PACKAGES.items() if shutil.which(program) is None}
    missing |= {package for name, package in LIBRARIES.items() if find_library(name) is None}
    if not CERTIFICATES.exists():
        missing.add("ca-certificates")
    if not missing:
        return
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-qq", environment=quiet)
    run("apt-get", "install", "-qq", "--no-install-recommends", *sorted(missing), environment=quiet)


def _check_cgroups() -> None:
    if (CGROUP / "cgroup.controllers").exists():
        return
    missing = [name for name in CGROUP_V1 if not (CGROUP / name).is_dir()]
    if missing:
        raise SetupError(
            f"The kernel's cgroups lack {', '.join(missing)} under {CGROUP}: mount them (or cgroup v2), the kubelet needs them."
        )


def _check_overlay(profile: Profile) -> None:
    """By doing it: a container on overlayfs knows the file system and still can't mount it on itself."""
    profile.state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=profile.state) as name:
        folder = Path(name)
        for part in ("lower", "upper", "work", "merged"):
            (folder / part).mkdir()
        options = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
        try:
            run("mount", "-t", "overlay", "overlay", "-o", options, folder / "merged")
        except SetupError as error:
            raise SetupError(
                f"No overlayfs on {profile.state}: containers need it. "
                "Point CATALYST_STATE at a folder on ext4 or xfs, or load the kernel's module overlay."
            ) from error
        run("umount", folder / "merged")


def _listener(port: int) -> str:
    """Who listens there, in words."""
    if shutil.which("ss") is None:  # brought with the other host packages, after the ports were looked at
        return "another program"
    shown = run("ss", "-Hltnp", f"sport = :{port}", check=False)
    _, found, rest = shown.partition('users:(("')
    if not found:
        return "another program"
    return f"{rest.partition(chr(34))[0]} (process {rest.partition('pid=')[2].partition(',')[0]})"
