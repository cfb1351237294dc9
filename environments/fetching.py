"""What code that fetches code must be told, in pods and in builds: the forward proxy, and the platform's package mirrors."""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from environments.model import Value

INSIDE = ("localhost", "127.0.0.1", "::1", ".svc", ".cluster.local")
"""Reached without the proxy, beside the environment's own services and URL."""


class Mirrors(Value):
    """URLs of package mirrors, without credentials; empty: the public registry."""

    npm: str = ""
    pypi: str = ""
    """A simple index (PEP 503)."""
    go: str = ""

    def hosts(self) -> tuple[str, ...]:
        """Host names of those that are set."""
        return tuple(sorted({host for url in self._urls() if (host := urlsplit(url).hostname)}))

    def ports(self) -> tuple[int, ...]:
        """TCP ports of those that are on others than the usual two."""
        return tuple(sorted({port for url in self._urls() if (port := urlsplit(url).port)} - {80, 443}))

    def variables(self) -> dict[str, str]:
        npm = ("npm_config_registry", "YARN_REGISTRY", "YARN_NPM_REGISTRY_SERVER", "COREPACK_NPM_REGISTRY")
        given = {**dict.fromkeys((*npm, "BUN_CONFIG_REGISTRY"), self.npm), "GOPROXY": self.go}
        given |= dict.fromkeys(("PIP_INDEX_URL", "UV_DEFAULT_INDEX"), self.pypi)
        return {name: value for name, value in given.items() if value}

    def _urls(self) -> Iterator[str]:
        # GOPROXY is a list, in which `direct` and `off` are words.
        for url in (self.npm, self.pypi, *self.go.replace("|", ",").split(",")):
            if "://" in url:
                yield url


def proxy_variables(url: str, inside: Iterable[str]) -> dict[str, str]:
    """`inside`: names of the environment's own services and its host."""
    around = ",".join((*INSIDE, *inside))
    given = {name: url for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")}
    # Node's own fetch and Yarn from 2 on look at none of these by themselves.
    own = {"NODE_USE_ENV_PROXY": "1", "YARN_HTTP_PROXY": url, "YARN_HTTPS_PROXY": url}
    return given | {"NO_PROXY": around, "no_proxy": around} | own


def build_arguments(url: str, inside: Iterable[str]) -> dict[str, str]:
    """Those of the variables that BuildKit knows: they reach RUN steps without an ARG, and neither image nor cache key."""
    known = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: value for name, value in proxy_variables(url, inside).items() if name in known}
