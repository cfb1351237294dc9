"""The host's certificate authorities, where its package registries are reached through a private one."""

import os
from collections.abc import Mapping
from pathlib import Path

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
OWN = Path("/usr/local/share/ca-certificates")
"""Where an administrator adds authorities (update-ca-certificates(8))."""
VARIABLES = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE")


def host_bundle(environment: Mapping[str, str] = os.environ, bundle: Path = BUNDLE, own: Path = OWN) -> Path | None:
    """The bundle that pods and builds need too; None where the host trusts the usual authorities only.

    Only then: a bundle handed in hides authorities that an image brings itself.
    """
    for variable in VARIABLES:
        if (named := environment.get(variable)) and Path(named).is_file():
            return Path(named)
    return bundle if bundle.is_file() and any(own.rglob("*.crt")) else None
