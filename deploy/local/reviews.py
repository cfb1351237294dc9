"""Where the API server says who deletes an Environment: the API's listener with TLS, and the configuration that names it."""

import os
import secrets
from pathlib import Path

from deploy.local import files
from deploy.local.profile import Profile
from deploy.local.run import run
from environments.deletions import review_configuration
from environments.model import KubernetesObject

ADDRESS = "127.0.0.1"
"""API and API server are programs of this machine; no pod reaches its loopback."""
DAYS = 3650
"""As long as the certificates of credentials.py: nothing renews them."""
REQUEST = f"""\
[req]
distinguished_name = name
x509_extensions = serving
prompt = no
[name]
CN = catalyst-reviews
[serving]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:{ADDRESS}
"""
"""OpenSSL's own configuration would make another authority of it."""


def prepare(profile: Profile) -> None:
    """Certificate and secret, once per state; after the PKI."""
    certify(profile.pki, _certificate(profile), _key(profile))
    secret = profile.secret("reviews")
    if not secret.exists():
        files.write(secret, secrets.token_urlsafe(32), 0o600)


def certify(pki: Path, certificate: Path, key: Path) -> None:
    """Have the CA of `pki` (kubeadm's ca.crt and ca.key) sign a certificate for ADDRESS, where there is none."""
    if certificate.exists():
        return
    partial = certificate.with_suffix(".partial")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", key, "-out", partial)
    signed = ("-CA", pki / "ca.crt", "-CAkey", pki / "ca.key", "-days", str(DAYS))
    run("openssl", "req", "-x509", "-config", "/dev/stdin", *new, *signed, given=REQUEST)
    os.replace(partial, certificate)


def settings(profile: Profile) -> dict[str, str]:
    """Of the API; after `prepare`."""
    return {
        "CATALYST_REVIEWS__HOST": ADDRESS,
        "CATALYST_REVIEWS__PORT": str(profile.ports.reviews),
        "CATALYST_REVIEWS__CERTIFICATE": str(_certificate(profile)),
        "CATALYST_REVIEWS__KEY": str(_key(profile)),
        "CATALYST_REVIEWS__SECRET": profile.secret("reviews").read_text(),
    }


def configuration(profile: Profile, account: str) -> KubernetesObject:
    """What the API server is told; after `prepare`."""
    url = f"https://{ADDRESS}:{profile.ports.reviews}/deletions/{profile.secret('reviews').read_text()}"
    return review_configuration(url, (profile.pki / "ca.crt").read_text(), account)


def _certificate(profile: Profile) -> Path:
    return profile.pki / "reviews.crt"


def _key(profile: Profile) -> Path:
    return profile.pki / "reviews.key"
