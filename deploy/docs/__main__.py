"""Write the pages of docs/ that come from code: `python -m deploy.docs`."""

from pathlib import Path

from environments.comment_commands.page import page

FOLDER = Path(__file__).parents[2] / "docs"


def texts() -> dict[Path, str]:
    """File -> what must be in it."""
    return {FOLDER / "commands.md": page()}


def main() -> None:
    for file, text in texts().items():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
