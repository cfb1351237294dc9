"""The settings about what environments reach, as values: one place for the worker and the egress process, which must agree."""

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network

from environments.egress import REGISTRIES, Proxy, is_host
from environments.fetching import Mirrors
from settings.settings import Settings


def proxy_of(settings: Settings) -> Proxy | None:
    """None: everything outside is open. Ends the process with a sentence for each setting that makes no sense."""
    if settings.egress == "open":
        return None
    if wrong := list(_wrong(settings)):
        raise SystemExit("\n".join([*wrong, "docs/settings.md explains every setting."]))
    given = settings.proxy
    return Proxy(
        address=given.address,
        first_port=given.first_port,
        ports=given.ports,
        secret=given.secret.get_secret_value(),
        defaults=(*REGISTRIES, *mirrors_of(settings).hosts()),
    )


def mirrors_of(settings: Settings) -> Mirrors:
    return Mirrors(npm=settings.mirrors.npm, pypi=settings.mirrors.pypi, go=settings.mirrors.go)


def closed_of(settings: Settings) -> tuple[str, ...]:
    """CIDRs beside the cluster's own."""
    return tuple(each.strip() for each in settings.proxy.closed.split(",") if each.strip())


def upstream_of(settings: Settings) -> tuple[str, int] | None:
    host, _, port = settings.proxy.upstream.rpartition(":")
    return (host, int(port)) if host else None


def _wrong(settings: Settings) -> Iterator[str]:
    given = settings.proxy
    if not _is_address(given.address):
        yield (
            f"CATALYST_PROXY__ADDRESS: {given.address!r} is no IPv4 address. Set it to the forward proxy's, or CATALYST_EGRESS=open "
            "to let previews and builds reach every outside address."
        )
    if not given.secret.get_secret_value():
        yield "CATALYST_PROXY__SECRET: it is empty. Set it to any long random text, the same for worker and egress process."
    if given.first_port + given.ports > 65535:
        yield "CATALYST_PROXY__PORTS: there are not so many ports after CATALYST_PROXY__FIRST_PORT."
    for block in closed_of(settings):
        if not _is_network(block):
            yield f"CATALYST_PROXY__CLOSED: {block!r} is no CIDR."
    host, _, port = given.upstream.rpartition(":")
    if given.upstream and not (port.isdigit() and (is_host(host) or _is_address(host))):
        yield f"CATALYST_PROXY__UPSTREAM: {given.upstream!r} is no `host:port`."
    for host in mirrors_of(settings).hosts():
        if not is_host(host):
            yield f"CATALYST_MIRRORS__…: {host!r} can't be approved. Name the mirror by a host name with a dot in it."


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
