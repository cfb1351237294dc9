"""The way out of this machine, which pods' and builds' bridges must not promise more than."""

from pathlib import Path

ROUTES = Path("/proc/net/route")
INTERFACES = Path("/sys/class/net")
USUAL = 1500


def mtu(routes: Path = ROUTES, interfaces: Path = INTERFACES) -> int:
    """Bytes per packet on the interface of the default route (less than 1500 behind a VPN); 1500 without one."""
    for line in routes.read_text().splitlines()[1:]:
        interface, destination, *_, mask = line.split()[:8]
        if (destination, mask) == ("00000000", "00000000"):
            return int((interfaces / interface / "mtu").read_text())
    return USUAL
