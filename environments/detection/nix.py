"""Nix flakes: recognised where nothing else is, set up later (FR-ENV-015 is another issue's)."""

from environments.detection.folders import Folder
from environments.detection.unrecognised import CONFIGURE
from environments.model import Detection, ProjectKind

NAME = "flake.nix"


def detect(folder: Folder) -> Detection | None:
    if NAME not in folder.names:
        return None
    file = folder.where(NAME)
    note = f"`{file}` was found, but Nix flakes aren't set up yet: this environment is a plain shell. {CONFIGURE}"
    return Detection(kind=ProjectKind.NIX, workdir=folder.path, evidence=(file,), notes=(note,))
