"""One folder of a snapshot, as the families of projects look at it."""

import posixpath
from collections.abc import Iterable

from environments.model import Snapshot

ROOT = "."


class Folder:
    """Files that lie directly in one folder, by name; names that can't be printed are left out (they end up in comments)."""

    def __init__(self, snapshot: Snapshot, path: str = ROOT) -> None:
        self.snapshot = snapshot
        self.path = path
        prefix = "" if path == ROOT else f"{path}/"
        inside = (each[len(prefix) :] for each in snapshot.paths if each.startswith(prefix))
        self.names = frozenset(name for name in inside if "/" not in name and name.isprintable())

    def first(self, names: Iterable[str]) -> str | None:
        """The first of these names that is there."""
        return next((name for name in names if name in self.names), None)

    def where(self, name: str) -> str:
        """Path of a file of this folder, relative to the repository's root."""
        return posixpath.normpath(posixpath.join(self.path, name))

    def text(self, name: str) -> str | None:
        """None for a file that is missing, too big or not among READ_FILES."""
        return self.snapshot.texts.get(self.where(name))


def relative(path: str) -> str | None:
    """A path within the repository in its one spelling; None for one that leads out of it or isn't printable."""
    clean = posixpath.normpath(path.strip().strip("/") or ROOT)
    is_outside = clean == ".." or clean.startswith("../")
    return None if is_outside or not clean.isprintable() else clean


def is_folder(snapshot: Snapshot, path: str) -> bool:
    return path == ROOT or any(each.startswith(f"{path}/") for each in snapshot.paths)
