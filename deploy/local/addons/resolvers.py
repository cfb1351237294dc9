"""The host's name servers, for those who can't reach its loopback: pods and build steps."""

import ipaddress
from pathlib import Path

FILES = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
"""The second one holds the real servers where the first one names systemd's own resolver on loopback."""


def resolvers(files: tuple[Path, ...] = FILES) -> list[str]:
    """IPv4 addresses in the host's order.

    Raises OSError when there is none that a pod can reach.
    """
    for file in files:
        if found := _reachable(file):
            return found
    places = " or ".join(str(file) for file in files)
    raise OSError(
        f"No name server outside loopback in {places}: name one in {files[0]}, pods and builds can't resolve without"
    )


def _reachable(file: Path) -> list[str]:
    lines = file.read_text().splitlines() if file.exists() else []
    servers = [words[1] for line in lines if len(words := line.split()) > 1 and words[0] == "nameserver"]
    return [server for server in servers if _is_reachable(server)]


def _is_reachable(server: str) -> bool:
    try:
        address = ipaddress.ip_address(server.partition("%")[0])
    except ValueError:
        return False
    return address.version == 4 and not address.is_loopback
