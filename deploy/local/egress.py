"""The forward proxy as the platform runs it: squid from Debian's package, what of the host's own way out it takes over."""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local import builder, files, mirrors, squid
from deploy.local.cache import ensure
from deploy.local.errors import SetupError
from deploy.local.profile import PLATFORM_ADDRESS, Profile
from deploy.local.run import run
from environments.egress import REGISTRIES, Proxy, platform_url

UPSTREAM = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
UPSTREAM_PORT = 3128
"""Of a proxy whose URL names none, as squid and curl take it."""


def prepare(profile: Profile) -> None:
    """The program in the state folder, because the cache may lie where only root gets; and the secret."""
    placed = _package(profile)
    if not placed.exists():
        partial = placed.with_name("package.partial")
        shutil.rmtree(partial, ignore_errors=True)
        files.place(ensure(squid.artifact()), partial)
        partial.rename(placed)
    secret = profile.secret("egress")
    if not secret.exists():
        files.write(secret, secrets.token_urlsafe(32), 0o600)


def settings(profile: Profile) -> dict[str, str]:
    """Of API, worker and `python -m egress`; after `prepare`. Raises SetupError."""
    given = {
        "CATALYST_EGRESS": "proxy",
        "CATALYST_PROXY__ADDRESS": PLATFORM_ADDRESS,
        "CATALYST_PROXY__FIRST_PORT": str(profile.ports.egress),
        "CATALYST_PROXY__SECRET": profile.secret("egress").read_text(),
        "CATALYST_PROXY__CLOSED": ",".join((builder.BUILD_RANGE, *_own_addresses())),
        "CATALYST_PROXY__PACKAGE": str(_package(profile)),
        "CATALYST_PROXY__FOLDER": str(profile.state / "egress"),
        "CATALYST_PROXY__UPSTREAM": upstream(os.environ),
    }
    return given | mirrors.settings()


def build_proxy(profile: Profile) -> str:
    """The proxy for builds of the platform's own images, as tests and people hand it to buildctl; it holds a token."""
    secret = profile.secret("egress").read_text()
    proxy = Proxy(
        address=PLATFORM_ADDRESS, first_port=profile.ports.egress, ports=1, secret=secret, defaults=REGISTRIES
    )
    return platform_url(proxy)


def upstream(environment: Mapping[str, str]) -> str:
    """`host:port` of the proxy that this machine needs to get out; empty without one. Raises SetupError."""
    url = next((environment[name] for name in UPSTREAM if environment.get(name)), "")
    parsed = urlsplit(url if "://" in url else f"//{url}")
    if parsed.username is not None:
        raise SetupError(
            "The host's own proxy wants a password, which ours can't give: run one on this machine that does."
        )
    return f"{parsed.hostname}:{parsed.port or UPSTREAM_PORT}" if parsed.hostname else ""


def _own_addresses() -> list[str]:
    """Of this machine on every interface: what listens on all of them is not for previews."""
    lines = run("ip", "-o", "-4", "address", "show").splitlines()
    return sorted({line.split()[3].partition("/")[0] for line in lines})


def _package(profile: Profile) -> Path:
    """By what it was made of: one that runs is never written over."""
    return profile.state / "egress" / squid.artifact().folder.name
