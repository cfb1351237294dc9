"""How an environment gets out: its project's port at the forward proxy, and what its containers and builds are told of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from async_lru import alru_cache

from activities.kinds import project_ref
from activities.protocols import Cluster, GatewayError, Kind, ObjectRef
from environments import names
from environments.deployment.objects import NAME
from environments.egress import (
    PORTS_NAME,
    Proxy,
    allowed_hosts,
    build_url,
    described,
    ports_of,
    project_key,
)
from environments.fetching import Mirrors, build_arguments, proxy_variables
from environments.model import EnvironmentIdentity
from environments.permissions import HOME
from environments.work import RolloutRequest

PORTS = ObjectRef(Kind("v1", "ConfigMap"), HOME, PORTS_NAME)
AGAIN_SECONDS = 0.1
PATIENCE_SECONDS = 10.0
"""A new project's port is open a moment after its Project is there; below the time of one call."""


class NoPort(GatewayError):
    """The project has no port at the proxy (yet)."""

    retryable = True


@dataclass(frozen=True)
class BuildEgress:
    """How one build gets out."""

    arguments: Mapping[str, str] = field(default_factory=dict)
    """Build arguments."""
    hosts: tuple[str, ...] | None = None
    """From which the builder itself may fetch (ADD of a URL); None: from any."""


@dataclass(frozen=True)
class Egress:
    cluster: Cluster
    proxy: Proxy | None = None
    """None: everything outside is open."""
    mirrors: Mirrors = field(default_factory=Mirrors)
    domain: str = "localhost"
    """Of environments' URLs."""
    patience: float = PATIENCE_SECONDS
    _ports: Callable[[], Awaitable[Mapping[str, int]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Twenty rollouts that wait for their ports look once.
        object.__setattr__(self, "_ports", alru_cache(ttl=AGAIN_SECONDS)(self._read_ports))

    async def port(self, identity: EnvironmentIdentity) -> int | None:
        """The project's; None without a proxy. Waits for a new project's, then raises NoPort."""
        if self.proxy is None:
            return None
        key, deadline = project_key(identity), time.monotonic() + self.patience
        while (port := (await self._ports()).get(key)) is None:
            if time.monotonic() > deadline:
                raise NoPort(
                    f"The egress proxy has opened no port for the project {described(key)} within {self.patience:g} s: "
                    "`python -m egress` must run, and CATALYST_PROXY__PORTS be enough for all projects."
                )
            await asyncio.sleep(AGAIN_SECONDS)
        return port

    async def _read_ports(self) -> Mapping[str, int]:
        assert self.proxy is not None
        return ports_of(await self.cluster.get(PORTS), self.proxy)

    async def variables(self, request: RolloutRequest) -> dict[str, str]:
        """Of every container that may fetch code."""
        port = await self.port(request.identity)
        if self.proxy is None or port is None:
            return self.mirrors.variables()
        inside = (NAME, names.host(request.namespace, self.domain))
        return self.mirrors.variables() | proxy_variables(self.proxy.url(port), inside)

    async def of_build(self, request: RolloutRequest) -> BuildEgress:
        """By the list of the Project where the environment lies, whichever it names (design: rule 11)."""
        # A Dockerfile sees the mirrors when it declares them with ARG; steps get them where the builder hands them in.
        mirrors = self.mirrors.variables()
        port = await self.port(request.identity)
        if self.proxy is None or port is None:
            return BuildEgress(mirrors)
        key = project_key(request.identity)
        url = build_url(self.proxy, key, port, request.namespace)
        project = await self.cluster.get(
            project_ref(names.team_namespace(request.identity.team), request.identity.project)
        )
        return BuildEgress(
            mirrors | build_arguments(url, (names.host(request.namespace, self.domain),)),
            allowed_hosts(project, self.proxy.defaults) if project else (),
        )
