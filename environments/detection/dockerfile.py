"""A Dockerfile: built and run (FR-ENV-006, "Dockerfile only")."""

import re

from environments.detection.folders import Folder
from environments.model import Detection, ProjectKind

NAMES = ("Dockerfile", "dockerfile")
"""What `docker build` itself finds; variants such as Dockerfile.dev are named in a template."""
EXPOSE = re.compile(r"^[ \t]*EXPOSE[ \t]+([0-9]{1,5})(?:/tcp)?(?=\s|$)", re.IGNORECASE | re.MULTILINE)


def detect(folder: Folder) -> Detection | None:
    name = folder.first(NAMES)
    if name is None:
        return None
    file = folder.where(name)
    port = exposed_port(folder.text(name) or "")
    return Detection(
        kind=ProjectKind.DOCKERFILE, workdir=folder.path, dockerfile=file, port=port, evidence=(file,), notes=()
    )


def exposed_port(text: str) -> int | None:
    """The last EXPOSE with a plain TCP port: the last stage is the one that runs."""
    ports = [int(number) for number in EXPOSE.findall(text)]
    return next((port for port in reversed(ports) if 0 < port < 65536), None)
