"""squid.conf out of values. What people wrote is in here as host names only, each checked again where it is written down."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path

from environments.egress import is_host
from environments.isolation import NEVER_REACHED

BLOCK = 100
"""Ports of one squid, which opens 128 at most and says nothing of the others."""
NEVER_REACHED_6 = ("::/96", "64:ff9b::/96", "fe80::/10", "fc00::/7", "ff00::/8")
"""The same for IPv6; with IPv4 in disguise, and private networks, of which no cluster tells us. Not ::ffff:0:0/96, which
squid takes for all of IPv4: it sees such addresses as the IPv4 ones that they are."""
TOKEN = re.compile("[0-9a-f]{64}")

FIXED = """\
# Written by Catalyst: changes are lost.
pid_filename none
visible_hostname catalyst-egress
cache_log /dev/null
coredump_dir none
logfile_rotate 0
pinger_enable off
unlinkd_program {package}/usr/lib/squid/unlinkd
mime_table {package}/usr/share/squid/mime.conf
icon_directory {package}/usr/share/squid/icons
error_directory {errors}
hosts_file {hosts}
# Nothing is kept, and nothing is told of whom a request came from.
cache deny all
cache_mem 8 MB
via off
forwarded_for delete
httpd_suppress_version_string on
request_header_max_size 64 KB
reply_header_max_size 64 KB
request_body_max_size 1 GB
request_timeout 30 seconds
connect_timeout 15 seconds
read_timeout 5 minutes
client_lifetime 1 hour
half_closed_clients off
max_filedescriptors 16384
shutdown_lifetime 0 seconds
dns_timeout 10 seconds
# An answer is used for at least so long, so that the address that was asked about is the one that is connected to.
negative_dns_ttl 10 seconds
positive_dns_ttl 1 hour
auth_param basic program {package}/usr/lib/squid/basic_fake_auth
auth_param basic children 2 startup=1
auth_param basic realm builds
# A flood of refusals loses some, and never holds a request up.
buffered_logs off
logformat catalyst %>a %>lp %>rP %{{approved}}note %#un %#>rd
acl is_request has request
acl was_refused note refused yes
access_log tcp:127.0.0.1:{log_port} logformat=catalyst on-error=drop buffer-size=64KB is_request was_refused
"""

RULES = """\
acl web_scheme proto HTTP
acl connect method CONNECT
acl refused annotate_transaction refused=yes
acl approved annotate_transaction approved=yes
deny_info CATALYST_REFUSED refused
client_ip_max_connections 256
http_access deny manager
http_access deny !connect !web_scheme refused
http_access deny !web_port refused
http_access deny connect !tls_port refused
"""


@dataclass(frozen=True)
class Package:
    """Debian's squid as it is unpacked below a folder, `/` where it is installed."""

    root: Path

    @property
    def program(self) -> Path:
        return self.root / "usr/sbin/squid"

    @property
    def texts(self) -> Path:
        """Error pages, of the package squid-langpack."""
        return self.root / "usr/share/squid-langpack/templates"


@dataclass(frozen=True)
class Project:
    port: int
    hosts: tuple[str, ...]
    """As environments.egress.allowed_hosts gives them."""
    token: str
    """Of its builds."""


@dataclass(frozen=True)
class Outside:
    """What is the same for all projects."""

    address: str
    first_port: int
    """Of builds."""
    platform: Project
    """The platform's own builds."""
    closed: tuple[str, ...]
    """CIDRs and addresses of the cluster, which nobody reaches whatever a name resolves to."""
    extra_ports: tuple[int, ...] = ()
    """Of mirrors, beside 80 and 443."""
    upstream: tuple[str, int] | None = None
    """Host and port of another proxy, the only way out."""


@dataclass(frozen=True)
class Place:
    """Where squid lies, and where it tells what it refused."""

    package: Package
    errors: Path
    """Folder of error pages."""
    log_port: int
    """TCP, on loopback."""
    hosts: Path = Path("/etc/hosts")
    """Names that are known without asking a name server."""


def blocks(outside: Outside, projects: Iterable[Project]) -> dict[int, tuple[Project, ...]]:
    """Number of a squid -> the projects whose ports it opens; the first one opens builds' port besides."""
    made: dict[int, tuple[Project, ...]] = {0: ()}
    for project in sorted(projects, key=lambda each: each.port):
        number = (project.port - outside.first_port) // BLOCK
        made[number] = (*made.get(number, ()), project)
    return made


def ports_of(outside: Outside, number: int, projects: Iterable[Project]) -> tuple[int, ...]:
    """What the squid of that block listens on."""
    return (*([outside.first_port] if number == 0 else []), *(project.port for project in projects))


def render(outside: Outside, place: Place, number: int, mine: Iterable[Project], everybody: Iterable[Project]) -> str:
    """squid.conf of one block. `everybody`: all projects, whose builds come to the first block.

    Raises ValueError for a host, token or address that is none.
    """
    mine, everybody = tuple(mine), (outside.platform, *everybody)
    builders = everybody if number == 0 else ()
    lists = {hosts: f"hosts_{index}" for index, hosts in enumerate(_lists((*mine, *builders)))}
    package = str(place.package.root).rstrip("/")
    head = FIXED.format(package=package, errors=place.errors, hosts=place.hosts, log_port=place.log_port)
    lines = [
        *(f"http_port {outside.address}:{port} name=p{port}" for port in ports_of(outside, number, mine)),
        *(f"acl inside dst {block}" for block in _closed(outside)),
        *(f"acl web_port port {port}" for port in sorted({80, 443, *outside.extra_ports})),
        *(f"acl tls_port port {port}" for port in sorted({443, *outside.extra_ports})),
        *_lists_lines(lists),
        *_upstream(outside),
        *RULES.splitlines(),
        *_pods(mine, lists),
        *(_builds(outside, builders, lists) if builders else ()),
        # Whatever nothing above allowed, on whatever port.
        "http_access deny refused",
        "http_access deny all",
    ]
    return head + "\n".join(lines) + "\n"


def _pods(projects: Iterable[Project], lists: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    for project in projects:
        yield f"acl at_{project.port} myportname p{project.port}"
        if project.hosts:
            yield f"http_access allow at_{project.port} {lists[project.hosts]} approved !inside"


def _builds(outside: Outside, projects: Iterable[Project], lists: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    yield f"acl at_builds myportname p{outside.first_port}"
    yield "acl anybody proxy_auth REQUIRED"
    # Asks for the token; without it nothing below is looked at.
    yield "http_access deny at_builds !anybody"
    for project in projects:
        if not TOKEN.fullmatch(project.token):
            raise ValueError(f"the builds' token of port {project.port} is none")
        yield f"acl build_{project.port} proxy_auth_regex ^{project.port}\\.{project.token}\\."
        if project.hosts:
            yield f"http_access allow at_builds build_{project.port} {lists[project.hosts]} approved !inside"


def _lists(projects: Iterable[Project]) -> list[tuple[str, ...]]:
    """Each list once; most projects have the default one."""
    return list(dict.fromkeys(project.hosts for project in projects if project.hosts))


def _lists_lines(lists: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    """`-n`: an address isn't looked up, because who holds it says what it is called."""
    for hosts, name in lists.items():
        yield from (f"acl {name} dstdomain -n {_squid_host(host)}" for host in hosts)


def _squid_host(host: str) -> str:
    bare = host.removeprefix("*.")
    if not is_host(bare):
        raise ValueError(f"{host[:100]!r} is no host name")
    return f".{bare}" if host.startswith("*.") else bare


def _closed(outside: Outside) -> list[str]:
    """Without what is in another one, of which squid would leave out either."""
    every = [
        ip_network(each, strict=False) for each in (*NEVER_REACHED, *NEVER_REACHED_6, outside.address, *outside.closed)
    ]
    of_4 = collapse_addresses(each for each in every if isinstance(each, IPv4Network))
    of_6 = collapse_addresses(each for each in every if isinstance(each, IPv6Network))
    return [str(each) for each in (*of_4, *of_6)]


def _upstream(outside: Outside) -> list[str]:
    if outside.upstream is None:
        return []
    host, port = outside.upstream
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}", host, re.ASCII):
        raise ValueError(f"{host[:100]!r} is no host of a proxy")
    return [f"cache_peer {host} parent {port} 0 no-query no-digest default", "never_direct allow all"]
