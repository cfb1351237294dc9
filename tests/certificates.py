"""A certificate authority as kubeadm makes one, and what OpenSSL says of certificates."""

import subprocess
from pathlib import Path

from deploy.local import reviews


def authority(folder: Path) -> Path:
    """The folder, with ca.crt and ca.key."""
    folder.mkdir(parents=True, exist_ok=True)
    new = ("-newkey", "rsa:2048", "-noenc", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.crt")
    openssl("req", "-x509", *new, "-subj", "/CN=kubernetes", "-days", "2")
    return folder


def review_settings(folder: Path, port: int, secret: str) -> dict[str, str]:
    """Of an API that listens for reviews, with a certificate signed by the folder's authority."""
    certificate, key = folder / "reviews.crt", folder / "reviews.key"
    reviews.certify(folder, certificate, key)
    return {
        "CATALYST_REVIEWS__PORT": str(port),
        "CATALYST_REVIEWS__CERTIFICATE": str(certificate),
        "CATALYST_REVIEWS__KEY": str(key),
        "CATALYST_REVIEWS__SECRET": secret,
    }


def openssl(*words: str) -> str:
    """What it prints. Raises CalledProcessError."""
    return subprocess.run(["openssl", *words], capture_output=True, text=True, check=True).stdout
