"""Package mirrors that this machine is set up for: pods and builds need them too."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from urllib.parse import urlsplit

from environments.egress import is_host
from environments.fetching import Mirrors

SECONDS = 20
SOURCES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "npm": (("npm_config_registry", "NPM_CONFIG_REGISTRY"), ("npm", "config", "get", "registry")),
    "pypi": (("PIP_INDEX_URL", "UV_DEFAULT_INDEX"), ("pip", "config", "get", "global.index-url")),
    "go": (("GOPROXY",), ("go", "env", "GOPROXY")),
}
"""Mirror -> variables that name the mirror, and who else knows it."""
PUBLIC = frozenset({"registry.npmjs.org", "pypi.org", "proxy.golang.org"})
"""What everybody uses where nothing is set."""


def found(environment: Mapping[str, str] = os.environ) -> Mirrors:
    """Those that pods can use: by name, and without a credential, which hostile code would read."""
    named = {name: _named(*source, environment) for name, source in SOURCES.items()}
    return Mirrors(**{name: url for name, url in named.items() if _is_usable(url)})


def settings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """CATALYST_MIRRORS__…, of those that there are."""
    return {f"CATALYST_MIRRORS__{name.upper()}": url for name, url in found(environment).model_dump().items() if url}


def _named(variables: tuple[str, ...], command: tuple[str, ...], environment: Mapping[str, str]) -> str:
    given = next((environment[name] for name in variables if environment.get(name)), None)
    if given is not None or shutil.which(command[0], path=environment.get("PATH")) is None:
        return given or ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _is_usable(url: str) -> bool:
    # GOPROXY is a list; its first entry decides.
    parsed = urlsplit(url.replace("|", ",").partition(",")[0])
    return (
        is_host(parsed.hostname)
        and parsed.username is None
        and parsed.hostname not in PUBLIC
        and not set(url) & set('" \n')
    )
