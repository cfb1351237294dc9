"""From a repository's files to what they are and how they are started (FR-ENV-006 to 009). Never an exception."""

from collections.abc import Callable, Iterator

from environments.detection import compose, dockerfile, makefile, nix, node, unrecognised
from environments.detection.folders import ROOT, Folder, is_folder, relative
from environments.model import Detection, ProjectKind, Snapshot

Family = Callable[[Folder], Detection | None]

PRECEDENCE: tuple[Family, ...] = (
    compose.detect,
    dockerfile.detect,
    node.detect_dev,
    makefile.detect,
    node.detect_start,
    nix.detect,
)
"""FR-ENV-007; the first that recognises the folder wins. Flakes, of which it says nothing, come after all it names."""

COMMON_FOLDERS = ("web", "app", "frontend", "backend")
WORKSPACES = "packages"
"""FR-ENV-009: looked into, in this order, when the root says nothing."""

NAMES = (
    ".catalyst.yaml",
    node.PACKAGE,
    *makefile.NAMES,
    "*Dockerfile*",
    "dockerfile",
    "next.config.*",
)
READ_FILES: tuple[str, ...] = tuple(pattern for name in NAMES for pattern in (name, f"*/{name}"))
"""fnmatch patterns of the files whose text detection and templates read, at any depth."""


def detect(snapshot: Snapshot, workdir: str | None = None) -> Detection:
    """What the repository is; within `workdir` (relative to its root) when somebody named one."""
    if workdir is not None:
        return _in_workdir(snapshot, workdir)
    root = Folder(snapshot)
    return _first(root) or next(_nested(snapshot), None) or unrecognised.detect(root)


def _first(folder: Folder) -> Detection | None:
    return next((found for family in PRECEDENCE if (found := family(folder)) is not None), None)


def _in_workdir(snapshot: Snapshot, workdir: str) -> Detection:
    path = relative(workdir)
    if path is None or not is_folder(snapshot, path):
        note = f"The working directory {workdir[:100]!r} isn't a folder of the repository: correct it. {unrecognised.CONFIGURE}"
        return Detection(kind=ProjectKind.UNRECOGNISED, notes=(note,))
    folder = Folder(snapshot, path)
    return _first(folder) or unrecognised.detect(folder)


def _nested(snapshot: Snapshot) -> Iterator[Detection]:
    """Node projects in the usual folders: the specification describes nested projects by their package.json only."""
    for path in _usual_folders(snapshot):
        folder = Folder(snapshot, path)
        if found := node.detect_dev(folder) or node.detect_start(folder):
            note = f"Nothing at the repository's root can be started, so `{path}` is: set `workdir` for another folder."
            yield found.model_copy(update={"notes": (note,)})


def _usual_folders(snapshot: Snapshot) -> Iterator[str]:
    packages = {path.rpartition("/")[0] for path in snapshot.paths if path.endswith(f"/{node.PACKAGE}")}
    yield from (name for name in COMMON_FOLDERS if name in packages)
    in_workspaces = (path for path in packages if path.startswith(f"{WORKSPACES}/") and path.count("/") == 1)
    yield from sorted(path for path in in_workspaces if path.isprintable())


__all__ = ["PRECEDENCE", "READ_FILES", "ROOT", "detect"]
