"""Which outside hosts a project's previews and builds reach, and by which port of the forward proxy (docs/decisions/0015).

A request's project is known by the port that it comes to: a preview's network policy opens its own project's only. Builds
share one network and so one port, and say by a token whose they are.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from environments import names
from environments.labels import MANAGED_BY, MANAGER
from environments.model import EnvironmentIdentity, KubernetesObject, NamespaceName, Value
from environments.permissions import HOME

DEFAULT = "default"
"""In a Project's list: the platform's default list, so that adding one host takes no package registry away."""
LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST = rf"({LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?"
"""At least two labels, the last of which begins with a letter: no address, and no name of this machine or cluster."""
ALLOWED = rf"{DEFAULT}|(\*\.)?{HOST}"
"""`*.example.com` is example.com and all below it; a whole top-level domain can't be written."""
MOST_HOSTS = 100
LONGEST_HOST = 253
"""Characters of a host name (RFC 1035, 2.3.4)."""
PORTS_NAME = "catalyst-egress"
"""Of the ConfigMap in the platform's namespace: project's key -> port."""
PLATFORM = "platform"
"""Who builds without being an environment: the platform's own images, by the default list."""
REGISTRIES = (
    # Where anybody can put any file under an approved name (GitHub, object stores) isn't in it.
    *("registry.npmjs.org", "registry.yarnpkg.com", "nodejs.org", "jsr.io", "npm.jsr.io"),
    *("pypi.org", "files.pythonhosted.org"),
    *("proxy.golang.org", "sum.golang.org"),
    *("crates.io", "index.crates.io", "static.crates.io", "static.rust-lang.org"),
    *("repo.maven.apache.org", "repo1.maven.org", "plugins.gradle.org", "services.gradle.org", "downloads.gradle.org"),
    *("rubygems.org", "index.rubygems.org", "packagist.org", "repo.packagist.org", "api.nuget.org"),
    *("hex.pm", "repo.hex.pm", "builds.hex.pm", "cache.nixos.org"),
    *("deb.debian.org", "security.debian.org", "archive.ubuntu.com", "security.ubuntu.com", "ports.ubuntu.com"),
    "dl-cdn.alpinelinux.org",
)


class Proxy(Value):
    """The forward proxy as previews and builds reach it; part of the platform's settings."""

    address: str
    """IPv4."""
    first_port: int
    """Builds come to this one, projects to those after it."""
    ports: int
    """So many projects at most."""
    secret: str
    """What builds' tokens are made with; in no object of the cluster."""
    defaults: tuple[str, ...] = REGISTRIES

    def url(self, port: int) -> str:
        return f"http://{self.address}:{port}"


class Builder(NamedTuple):
    """Who a build's requests are of, as its user name at the proxy says."""

    port: int
    """The project's."""
    namespace: str
    """A claim: the token holds for the project, not for the environment."""


# --- allowed hosts -----------------------------------------------------------------------------------------------


def allowed_hosts(project: KubernetesObject | None, defaults: Iterable[str]) -> tuple[str, ...]:
    """The Project's list, sorted and without what is in another entry; the defaults where it has none.

    Whatever is no host name is left out, because what stands here becomes configuration of a program.
    """
    egress = ((project or {}).get("spec") or {}).get("egress")
    written = egress.get("allowedHosts") if isinstance(egress, dict) else None
    if not isinstance(written, list):
        return _minimal(_valid(defaults))
    given = _valid(written[:MOST_HOSTS])
    return _minimal((given - {DEFAULT}) | (_valid(defaults) if DEFAULT in given else set()))


def is_host(text: object) -> bool:
    return isinstance(text, str) and len(text) <= LONGEST_HOST and re.fullmatch(HOST, text, re.ASCII) is not None


def _valid(written: Iterable[object]) -> set[str]:
    return {each for each in written if isinstance(each, str) and _is_allowed(each)}


def _is_allowed(text: str) -> bool:
    return text == DEFAULT or is_host(text.removeprefix("*."))


def _minimal(hosts: set[str]) -> tuple[str, ...]:
    """Squid refuses a list in which one entry is within another."""
    return tuple(sorted(each for each in hosts if not any(_is_within(each, other) for other in hosts - {each})))


def _is_within(host: str, other: str) -> bool:
    bare, suffix = host.removeprefix("*."), other.removeprefix("*.")
    return other.startswith("*.") and (bare == suffix or bare.endswith(f".{suffix}"))


# --- ports -------------------------------------------------------------------------------------------------------


def project_key(identity: EnvironmentIdentity) -> str:
    """`<team namespace>.<project>`: of where the environment lies, never of what it names (design: rule 11)."""
    return f"{names.team_namespace(identity.team)}.{identity.project}"


def key_of_project(project: KubernetesObject) -> str:
    """Of a Project resource."""
    return f"{project['metadata']['namespace']}.{project['metadata']['name']}"


def described(key: str) -> str:
    """As people call the project: `team/project`."""
    return key.replace(".", "/", 1)


def ports_of(stored: KubernetesObject | None, proxy: Proxy) -> dict[str, int]:
    """What the ConfigMap says, as far as it makes sense: each port once, and one of the proxy's."""
    found: dict[str, int] = {}
    for key, text in sorted(((stored or {}).get("data") or {}).items()):
        port = int(text) if isinstance(text, str) and re.fullmatch("[0-9]{1,5}", text, re.ASCII) else 0
        if port in _project_ports(proxy) and port not in found.values():
            found[key] = port
    return found


def ports_object(ports: Mapping[str, int]) -> KubernetesObject:
    metadata = {"namespace": HOME, "name": PORTS_NAME, "labels": {MANAGED_BY: MANAGER}}
    data = {key: str(port) for key, port in sorted(ports.items())}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def assign_ports(
    before: Mapping[str, int], projects: Iterable[str], used: Iterable[str], proxy: Proxy
) -> dict[str, int]:
    """Key -> port. Whoever has one keeps it, also one that is only in use: the network policies of its environments name
    it, and would let them out by another project's list. Who comes when all are taken gets none."""
    wanted = set(projects)
    kept = {key: port for key, port in before.items() if key in wanted | set(used)}
    free = iter(sorted(set(_project_ports(proxy)) - set(kept.values())))
    return kept | dict(zip(sorted(wanted - set(kept)), free, strict=False))


def _project_ports(proxy: Proxy) -> range:
    return range(proxy.first_port + 1, proxy.first_port + 1 + proxy.ports)


# --- builds ------------------------------------------------------------------------------------------------------


def build_token(proxy: Proxy, key: str) -> str:
    """Lets a build out by the list of this project, at the port that all builds share."""
    return hmac.new(proxy.secret.encode(), f"build {key}".encode(), hashlib.sha256).hexdigest()


def build_url(proxy: Proxy, key: str, port: int, namespace: NamespaceName | str) -> str:
    """The proxy as a build of this environment is told it; it holds the project's token."""
    return f"http://{port}.{build_token(proxy, key)}.{namespace}:x@{proxy.address}:{proxy.first_port}"


def platform_url(proxy: Proxy) -> str:
    """For builds of the platform's own images."""
    return build_url(proxy, PLATFORM, proxy.first_port, PLATFORM)


def parse_build_user(user: str) -> Builder | None:
    """Inverse of what `build_url` names as user, without the token, which the proxy has checked."""
    match = re.fullmatch(rf"([0-9]{{1,5}})\.[0-9a-f]{{64}}\.({LABEL})", user, re.ASCII)
    return Builder(int(match[1]), match[2]) if match else None


# --- what people are told ----------------------------------------------------------------------------------------


class Refused(NamedTuple):
    """One request that the proxy let not pass."""

    host: str
    """As the client wrote it: hostile."""
    port: int
    is_approved: bool
    """The name is on the list, so what it resolves to must be inside."""


def refusal(refused: Refused, key: str) -> str:
    """One sentence for the environment's log: what was refused, and what would allow it."""
    host, project = _shown(refused.host), described(key)
    if refused.is_approved:
        return f"{host} was refused: it resolves to an address inside the platform, which nothing allows."
    if not is_host(refused.host):
        return (
            f"{host} was refused: only host names can be approved; no list allows an address, "
            "and a service of the preview is reached without the proxy (NO_PROXY)."
        )
    if refused.port not in (80, 443):
        return f"{host}:{refused.port} was refused: outside hosts are reached on the ports 80 and 443 only."
    return (
        f"{host} was refused: it isn't an approved host of the Project {project}. "
        f"Adding it to that Project's spec.egress.allowedHosts allows it (without a list of its own: [{DEFAULT}, {host}])."
    )


def _shown(text: str) -> str:
    """Hostile text on one line."""
    return "".join(each if each.isascii() and each.isprintable() else "?" for each in text[:100]) or "A request"
