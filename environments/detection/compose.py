"""Docker Compose: recognised, translated later (FR-ENV-012 is another issue's)."""

from environments.detection.folders import Folder
from environments.detection.unrecognised import CONFIGURE
from environments.model import Detection, ProjectKind

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""In the order in which Docker itself looks."""


def detect(folder: Folder) -> Detection | None:
    name = folder.first(NAMES)
    if name is None:
        return None
    file = folder.where(name)
    note = f"`{file}` was found, but Compose files aren't deployed yet: this environment is a plain shell. {CONFIGURE}"
    return Detection(
        kind=ProjectKind.COMPOSE,
        dev_command="docker compose up",
        workdir=folder.path,
        evidence=(file,),
        notes=(note,),
    )
