"""Images as people write them: `nginx:1.22`, `localhost:5000/a/b:tag`, `x/y@sha256:…`."""

import re
from typing import NamedTuple

DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
REPOSITORY = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Reference(NamedTuple):
    host: str
    """`docker.io` where none was written."""
    repository: str
    version: str
    """A tag or a digest."""


def parse_reference(image: str) -> Reference | None:
    """None for what is no image name."""
    name, at, digest = image.partition("@")
    host, slash, rest = name.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, rest = "docker.io", name
    repository, colon, tag = rest.partition(":")
    if host in DOCKER_HUB:
        host, repository = "docker.io", repository if "/" in repository else f"library/{repository}"
    version = digest if at else tag if colon else "latest"
    is_version = (DIGEST if at else TAG).fullmatch(version)
    return Reference(host, repository, version) if REPOSITORY.fullmatch(repository) and is_version else None
