"""buildkitd as the platform runs it: builds are hostile code, in a network that reaches the forward proxy and nothing else of ours.

What the host needs to fetch code (a private authority's bundle, package mirrors), every RUN step gets by a small program
in front of runc (go/runc); Dockerfiles need no change.
"""

import json
import os
import subprocess
from pathlib import Path
from string import Template

from deploy.local import buildkit, cgroups, debian, mirrors, uplink
from deploy.local.addons.resolvers import resolvers
from deploy.local.cache import Artifact, ensure
from deploy.local.certificates import host_bundle
from deploy.local.profile import PLATFORM_ADDRESS, POD_RANGE, SERVICE_RANGE, Ports, Profile
from deploy.local.program import Program

BRIDGE = "catalyst-build"
BUILD_RANGE = "10.245.0.0/16"
"""Wide, because addresses of steps that were killed are given back only when the network is closed."""
CHAIN = "CATALYST-BUILD"
LINK_LOCAL = "169.254.0.0/16"
"""Where clouds keep their metadata."""
ADDRESSES = Path("/var/lib/cni/networks") / BRIDGE
"""What the CNI plugin host-local has given away."""
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STEP_LOG_SPEED = 8 << 20
"""Bytes a second of one step, as the mean since it began; what is more is left out, and the log says so."""
RUNC = Path(__file__).parent / "go" / "runc"
DISK = Path(__file__).parent / "limited_disk.sh"
DISK_BYTES = 20 << 30
"""For the files of steps and their layers, where the machine has them: a step that writes without end fills this and nothing else."""

CONFIGURATION = Template("""\
root = "$folder/root"
[grpc]
address = ["$address"]
[dns]
nameservers = $resolvers
[worker.containerd]
enabled = false
[worker.oci]
networkMode = "cni"
cniBinaryPath = "$plugins"
cniConfigPath = "$folder/network.conflist"
cniPoolSize = 2
defaultCgroupParent = "/$cgroup/build"
max-parallelism = 4
gc = true
reservedSpace = "1GB"
maxUsedSpace = "10GB"
minFreeSpace = "5GB"
[registry."docker.io"]
mirrors = ["$registry"]
[registry."$registry"]
http = true
""")


def runc_artifact() -> Artifact:
    """`bin/runc` that hands the host's certificates and mirrors on; it needs CATALYST_RUNC, and what is to be handed on.

    In a folder of its own, because whoever looks through the artifacts for runc means the real one.
    """
    return Artifact("build-runc", ("bin/runc", RUNC / "go.mod", RUNC / "main.go"), usual_seconds=15, build=_compile)


def address(profile: Profile) -> str:
    """As buildctl's --addr takes it."""
    return f"unix://{_socket(profile)}"


def program(profile: Profile) -> Program:
    """Write the daemon's configuration into the state folder; the process that reads it."""
    folder = _folder(profile)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network.conflist").write_text(json.dumps(network(uplink.mtu())))
    (folder / "buildkitd.toml").write_text(configuration(profile))
    daemon = str(ensure(buildkit.artifact()) / "buildkitd")
    command = (*on_own_disk(folder / "root", DISK_BYTES), daemon, f"--config={folder}/buildkitd.toml")
    return Program("buildkitd", command, _environment(), priority=300, ready=("unix", str(_socket(profile))))


def on_own_disk(root: Path, size: int) -> tuple[str, ...]:
    """What goes before a daemon's command so that its snapshots are bounded.

    Only they: a daemon whose own records have no room can't even delete what fills the disk, and stays full for ever.

    `root`: of its configuration. `size`: bytes, as far as half of the machine's free space goes.
    """
    return (str(DISK), str(root), f"{root}/runc-overlayfs/snapshots/snapshots", str(size))


def configuration(profile: Profile) -> str:
    """buildkitd.toml."""
    values = {
        "folder": str(_folder(profile)),
        "cgroup": cgroups.NAME,
        "address": address(profile),
        "resolvers": json.dumps(resolvers()),
        "plugins": str(debian.cni_plugins().folder),
        "registry": f"localhost:{profile.ports.registry}",
    }
    return CONFIGURATION.substitute(values)


def network(mtu: int) -> dict[str, object]:
    """The CNI configuration of RUN steps. Who may reach what, and address translation, is open_network()'s."""
    ipam = {"type": "host-local", "ranges": [[{"subnet": BUILD_RANGE}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": False, "mtu": mtu, "ipam": ipam}
    return {"cniVersion": "0.4.0", "name": BRIDGE, "plugins": [bridge]}


def rules(ports: Ports, servers: list[str]) -> list[str]:
    """Of CHAIN in `raw`, for what comes from BRIDGE: DNS, ingress and forward proxy pass, the rest of platform and host doesn't.

    `servers`: the name servers that steps ask.
    """
    dns = [f"{each} -j RETURN" for each in _dns(servers)]
    ours = [f"-d {PLATFORM_ADDRESS} -p tcp --dport {port} -j RETURN" for port in (ports.ingress, ports.egress)]
    closed = [f"-d {where} -j DROP" for where in (SERVICE_RANGE, POD_RANGE, BUILD_RANGE, LINK_LOCAL)]
    return [*dns, *ours, *closed, "-m addrtype --dst-type LOCAL -j DROP"]


def forwarded(servers: list[str]) -> list[str]:
    """Of CHAIN in `filter`, for what goes from BRIDGE to the outside: name servers only. The rest is the proxy's, and
    refused at once, because a program that knows no proxy would wait for minutes otherwise."""
    refused = ["-p tcp -j REJECT --reject-with tcp-reset", "-j REJECT"]
    return [*(f"{each} -j ACCEPT" for each in _dns(servers)), *refused]


def open_network(ports: Ports | None = None) -> None:
    """Make the bridge and its rules, before any build runs; repeating it changes nothing.

    `ports`: where ingress and proxy listen; the usual ones when None. Raises subprocess.CalledProcessError.
    """
    if not Path("/sys/class/net", BRIDGE).exists():
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
    version_6 = Path("/proc/sys/net/ipv6/conf", BRIDGE, "disable_ipv6")
    if version_6.exists():
        # The rules are for version 4, and no step needs the other.
        version_6.write_text("1")
    # In `raw`, because Kubernetes' own rules would translate and accept before anything in `filter` is asked.
    servers = resolvers()
    tables = {"raw": rules(ports or Ports(), servers), "filter": forwarded(servers)}
    lines = [
        line
        for table, own in tables.items()
        for line in (f"*{table}", f":{CHAIN} -", *(f"-A {CHAIN} {rule}" for rule in own), "COMMIT")
    ]
    subprocess.run(["iptables-restore", "--wait", "--noflush"], input="\n".join([*lines, ""]).encode(), check=True)
    for table, chain, *rule in _hooks():
        if not _succeeds("iptables", "--wait", "-t", table, "-C", chain, *rule):
            _run("iptables", "--wait", "-t", table, "-I", chain, *rule)


def close_network() -> None:
    """Take away what open_network() and builds left; fine when there is nothing."""
    for table, chain, *rule in _hooks():
        while _succeeds("iptables", "--wait", "-t", table, "-D", chain, *rule):
            pass
    for table in ("raw", "filter"):
        for action in ("-F", "-X"):
            _succeeds("iptables", "--wait", "-t", table, action, CHAIN)
    _succeeds("ip", "link", "delete", BRIDGE)
    for file in ADDRESSES.glob("*"):
        file.unlink()


def _dns(servers: list[str]) -> list[str]:
    return [f"-d {server} -p {protocol} --dport 53" for server in servers for protocol in ("udp", "tcp")]


def _hooks() -> list[list[str]]:
    """Rules in chains that aren't ours: table, chain, and the rule."""
    return [
        ["raw", "PREROUTING", "-i", BRIDGE, "-j", CHAIN],
        ["nat", "POSTROUTING", "-s", BUILD_RANGE, "!", "-d", BUILD_RANGE, "-j", "MASQUERADE"],
        ["filter", "FORWARD", "-i", BRIDGE, "-j", CHAIN],
        # For hosts whose policy is to take nothing; what isn't for steps was dropped before.
        ["filter", "INPUT", "-i", BRIDGE, "-d", PLATFORM_ADDRESS, "-j", "ACCEPT"],
        ["filter", "FORWARD", "-o", BRIDGE, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"],
    ]


def _environment() -> dict[str, str]:
    """Where the daemon finds the runc that starts RUN steps (it looks for it by name), and what that one must be told."""
    told = {"CATALYST_RUNC": str(ensure(debian.holder("runc")) / "runc")}
    if (bundle := host_bundle()) is not None:
        told["CATALYST_CA_BUNDLE"] = str(bundle.resolve())
    # Its own bound keeps a log's beginning, and the reason of a failure stands at the end; the log store keeps both.
    told |= {"BUILDKIT_STEP_LOG_MAX_SIZE": "-1", "BUILDKIT_STEP_LOG_MAX_SPEED": str(STEP_LOG_SPEED)}
    told["CATALYST_STEP_VARIABLES"] = " ".join(f"{name}={value}" for name, value in mirrors.found().variables().items())
    return told | {"PATH": f"{ensure(runc_artifact())}/bin:{SYSTEM_PATH}"}


def _folder(profile: Profile) -> Path:
    return profile.state / "builder"


def _socket(profile: Profile) -> Path:
    return _folder(profile) / "buildkitd.sock"


def _compile(folder: Path) -> None:
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", f"{folder}/bin/runc", "."]
    subprocess.run(command, cwd=RUNC, env=os.environ | {"CGO_ENABLED": "0"}, check=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
