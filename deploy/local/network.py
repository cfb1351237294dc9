"""The platform's network on the host: bridges, addresses, kernel settings, firewall; made by `up`, and wholly removed by `down`.

Everything is found by its name, so that what a killed platform or another checkout left behind goes too.
"""

import ipaddress
import re
from pathlib import Path

from deploy.local.errors import SetupError
from deploy.local.profile import PLATFORM_ADDRESS, POD_RANGE, SERVICE_RANGE
from deploy.local.run import run

PLATFORM_BRIDGE = "catalyst0"
POD_BRIDGE = "cni0"
NODE_POD_RANGE = next(ipaddress.IPv4Network(POD_RANGE).subnets(new_prefix=24))
"""The only node's share of the pods' range."""
POD_GATEWAY = f"{NODE_POD_RANGE[1]}/{NODE_POD_RANGE.prefixlen}"
KERNEL_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
}
COMMENT = "catalyst"
RULES = (
    ("nat", f"-A POSTROUTING -s {POD_RANGE} ! -d {POD_RANGE} -m comment --comment {COMMENT} -j MASQUERADE"),
    # Last of its chain: for hosts whose policy is to pass nothing (Docker's, ufw's), and after every rule that refuses.
    ("filter", f"-A FORWARD -s {POD_RANGE} -m comment --comment {COMMENT} -j ACCEPT"),
    ("filter", f"-A FORWARD -d {POD_RANGE} -m comment --comment {COMMENT} -j ACCEPT"),
    ("filter", f"-A INPUT -s {POD_RANGE} -d {PLATFORM_ADDRESS} -m comment --comment {COMMENT} -j ACCEPT"),
)
OURS = r"KUBE-|CNI-|CATALYST"
"""Prefixes of the chains of kube-proxy, kubelet, the policy controller, CNI and ourselves."""
_CHAIN = re.compile(rf"^:(?:{OURS})")
_RULE = re.compile(
    rf"^-A (?:{OURS})|-[jg] (?:{OURS})|-[io] (?:{POD_BRIDGE}|catalyst[-\w]*) "
    rf'|--comment "?{COMMENT}"?(?: |$)|--comment "?(?:cni|kube-router)'
)
"""Whatever names a bridge of ours is ours too, also when an earlier version made it."""
_SETS = ("KUBE-", "inet6:KUBE-")


def open_network() -> dict[str, str]:
    """Make bridges, addresses, routes and rules anew; the kernel settings that were changed, with their old values."""
    close_network({})
    _load_bridge_filter()
    changed = {name: _set_kernel(name, value) for name, value in KERNEL_SETTINGS.items()}
    for bridge, address in ((PLATFORM_BRIDGE, f"{PLATFORM_ADDRESS}/32"), (POD_BRIDGE, POD_GATEWAY)):
        run("ip", "link", "add", bridge, "type", "bridge")
        run("ip", "address", "add", address, "dev", bridge)
        run("ip", "link", "set", bridge, "up")
    # A packet to a service that is gone would otherwise leave the machine by the default route.
    run("ip", "route", "add", SERVICE_RANGE, "dev", POD_BRIDGE)
    for table, rule in RULES:
        run("iptables", "-w", "-t", table, *rule.split())
    return changed


def close_network(kernel_settings: dict[str, str]) -> None:
    """Remove all of it, whoever's run it is from, and give the kernel settings their old values back."""
    for link in our_links(run("ip", "-o", "link", "show")):
        # A veth may have gone with its other end meanwhile.
        run("ip", "link", "delete", link, check=False)
    for family in ("", "6"):
        rules = run(f"ip{family}tables-save", check=False)
        if rules != (kept := without_ours(rules)):
            run(f"ip{family}tables-restore", "-w", given=kept)
    for name in run("ipset", "list", "-n", check=False).split():
        if name.startswith(_SETS):
            run("ipset", "destroy", name)
    for name, value in kernel_settings.items():
        _set_kernel(name, value)


def without_ours(saved: str) -> str:
    """What `iptables-save` printed, without our chains, our rules and the rules that lead into our chains."""
    lines = saved.splitlines(keepends=True)
    return "".join(line for line in lines if not _CHAIN.search(line) and not _RULE.search(line))


def our_links(shown: str) -> list[str]:
    """Names from `ip -o link show`: our bridges, and the pods' ends that hang on the pods' bridge."""
    links = []
    for line in shown.splitlines():
        name = line.split(": ")[1].partition("@")[0]
        if name in (PLATFORM_BRIDGE, POD_BRIDGE) or f" master {POD_BRIDGE} " in line:
            links.append(name)
    return links


def _load_bridge_filter() -> None:
    if not Path("/proc/sys/net/bridge").exists():
        run("modprobe", "br_netfilter", check=False)
    if not Path("/proc/sys/net/bridge").exists():
        raise SetupError(
            "The kernel can't filter bridged packets, so network policies would not hold: load its module br_netfilter."
        )


def _set_kernel(name: str, value: str) -> str:
    """The value before."""
    file = Path("/proc/sys") / name
    before = file.read_text().strip()
    if before != value:
        file.write_text(value)
    return before
