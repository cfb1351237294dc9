"""What of the platform can be seen on the machine, without asking the platform's own code."""

import os
import signal
import subprocess
import time
from pathlib import Path

from deploy.local import supervisor

OUR_ADDRESSES = ("10.244.", "10.245.", "10.96.", "10.250.")
OUR_WORDS = ("KUBE-", "CNI-", "CATALYST", "catalyst", "kube-router")
OUR_INTERFACES = ("catalyst", "cni", "veth", "kube")
DEAD_SECONDS = 30
"""The last process of a namespace ends when the kernel has taken everything in it apart."""
CGROUPS = Path("/sys/fs/cgroup")


def processes_of(state: Path) -> list[str]:
    """Command lines that name the platform's state folder, this process and its children aside."""
    found = {int(each.name): _command(each) for each in Path("/proc").iterdir() if each.name.isdigit()}
    return [f"{pid} {command}" for pid, command in found.items() if f"{state}/" in command and pid != os.getpid()]


def mounts_of(state: Path) -> list[str]:
    places = (f"{state}/", "/var/lib/kubelet", "/run/containerd", "/run/netns")
    lines = Path("/proc/mounts").read_text().splitlines()
    return [line for line in lines if line.split()[1].startswith(places)]


def interfaces() -> list[str]:
    return [name for name in os.listdir("/sys/class/net") if name.startswith(OUR_INTERFACES)]


def firewall() -> list[str]:
    """Rules, chains and sets of ours."""
    lines = [line for family in ("", "6") for line in _said(f"ip{family}tables-save").splitlines()]
    sets = [name for name in _said("ipset", "list", "-n").splitlines() if "KUBE-" in name]
    return sets + [line for line in lines if any(word in line for word in OUR_WORDS + OUR_ADDRESSES)]


def routes() -> list[str]:
    return [line for line in _said("ip", "route").splitlines() if line.startswith(OUR_ADDRESSES)]


def cgroups() -> list[str]:
    named = (CGROUPS.glob(f"{depth}catalyst") for depth in ("", "*/"))
    return [str(folder) for found in named for folder in found]


def left(state: Path) -> dict[str, list[str]]:
    """Everything of the above that is there."""
    found = {
        "processes": processes_of(state),
        "mounts": mounts_of(state),
        "interfaces": interfaces(),
        "firewall": firewall(),
        "routes": routes(),
        "cgroups": cgroups(),
    }
    return {what: each for what, each in found.items() if each}


def kill_all(owner: int) -> int:
    """kill -9 to every process that the platform's owner has made, at any depth, and to itself; how many."""
    pids = [*_below(owner), owner]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # ended with its parent a moment ago
    deadline = time.monotonic() + DEAD_SECONDS
    while any(supervisor.is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, "the kernel doesn't end what was killed"
        time.sleep(0.05)
    return len(pids)


def _below(pid: int) -> list[int]:
    try:
        children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [each for child in children for each in (*_below(child), child)]


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
