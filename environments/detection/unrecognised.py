"""Nothing that is supported: a generic shell, and how to configure it (FR-ENV-008)."""

from environments.detection.folders import Folder
from environments.model import Detection, ProjectKind

CONFIGURE = "Set a command in `.catalyst.yaml` (`templates.development.command`), or override it for this environment."
LATER = {
    "pyproject.toml": "Python",
    "requirements.txt": "Python",
    "go.mod": "Go",
}
"""The specification's "(future)" rows."""


def detect(folder: Folder) -> Detection:
    """Always finds: this is where every search ends."""
    name = folder.first(LATER)
    found = f"`{folder.where(name)}` says {LATER[name]}, which isn't set up by itself yet." if name else NOTHING
    return Detection(
        kind=ProjectKind.UNRECOGNISED,
        workdir=folder.path,
        evidence=(folder.where(name),) if name else (),
        notes=(f"{found} This environment is a plain shell. {CONFIGURE}",),
    )


NOTHING = "No project type was detected."
