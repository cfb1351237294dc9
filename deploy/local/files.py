"""Configuration files of the platform's programs."""

from pathlib import Path


def write(file: Path, text: str, mode: int = 0o644) -> None:
    """Write the file, and its folder; one that says the same already is not touched, because some programs end when theirs is."""
    if file.exists() and file.read_text() == text:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode)
    file.chmod(mode)
    file.write_text(text)
