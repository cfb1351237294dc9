"""Files of the platform's programs: configuration, and programs placed where another account reads them."""

import os
import shutil
from pathlib import Path


def write(file: Path, text: str, mode: int = 0o644) -> None:
    """Write the file, and its folder; one that says the same already is not touched, because some programs end when theirs is."""
    if file.exists() and file.read_text() == text:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode)
    file.chmod(mode)
    file.write_text(text)


def place(source: Path, target: Path) -> None:
    """A folder's files as hard links where they can be: the cache may lie where only root gets (its home)."""
    shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True, symlinks=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system
        shutil.copy2(source, target, follow_symlinks=False)
