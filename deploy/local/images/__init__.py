"""The small image library: nothing can be pulled from outside everywhere, so `FROM node:22` is made here.

Images lie in the local registry under the names that people write (`docker.io/library/node:22` is asked of it as
`library/node:22`), tagged with the version that is really inside.
"""

from collections.abc import Callable

import httpx

from deploy.local.cache import Artifact, ensure
from deploy.local.images import layout
from deploy.local.images.library import ADDONS, LIBRARY, Image
from deploy.local.profile import Profile

PAUSE = "catalyst/pause:1"
"""containerd's sandbox image."""
BUSYBOX = "library/busybox:1.35"
SHELL = "catalyst/shell:1"
"""Debian with git, make, curl and procps: the generic shell, and what clones a source."""
NODE = "library/node:22"
"""Like SHELL, with Node, npm and corepack."""
SIDECAR = next(f"{image.name}:{image.tags[0]}" for image in LIBRARY if image.name == "catalyst/sidecar")
"""Like SHELL, with the sidecar of development pods; every version of it has a tag of its own."""


def artifacts() -> list[Artifact]:
    """All images, in the order in which they are needed."""
    return [image.artifact for image in (*LIBRARY, *ADDONS)]


def addon(name: str) -> str:
    """Repository and tag of the image of an addon's program. Raises KeyError for a program that has none."""
    found = {image.name: image for image in ADDONS}[f"catalyst/{name}"]
    return f"{found.name}:{found.tags[0]}"


def local(profile: Profile, image: str) -> str:
    """`image`, one of the names above, as a pod's spec names it in full."""
    return f"localhost:{profile.ports.registry}/{image}"


def push_library(profile: Profile, report: Callable[[str], None]) -> None:
    """Bring the library into the registry; seconds, and less when it is there.

    Raises httpx.HTTPError when the registry doesn't take it.
    """
    _push(LIBRARY, profile, report)


def push_addons(profile: Profile, report: Callable[[str], None]) -> None:
    """The same for the addons' images."""
    _push(ADDONS, profile, report)


def _push(images: tuple[Image, ...], profile: Profile, report: Callable[[str], None]) -> None:
    url = f"http://127.0.0.1:{profile.ports.registry}"
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as registry:
        for image in images:
            report(f"image {image.name}:{image.tags[0]}")
            layout.push(ensure(image.artifact), registry, image.name, image.tags)
