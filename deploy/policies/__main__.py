"""Write the admission policies for whoever installs them: `python -m deploy.policies [user name of the worker]`."""

import sys
from pathlib import Path

import yaml

from environments.fencing import fencing_policies
from environments.guarding import guarding_policies
from environments.model import KubernetesObject

FOLDER = Path(__file__).parent
ACCOUNT = "catalyst"
"""User name of the worker on the local platform."""


def main() -> None:
    for file, text in texts(*sys.argv[1:2]).items():
        file.write_text(text, encoding="utf-8")


def texts(account: str = ACCOUNT) -> dict[Path, str]:
    """File -> what must be in it."""
    return {
        FOLDER / "fencing.yaml": _text("environments/fencing.py", fencing_policies(account)),
        FOLDER / "guarding.yaml": _text("environments/guarding", guarding_policies(account)),
    }


def _text(source: str, objects: list[KubernetesObject]) -> str:
    head = f"# Made by `python -m deploy.policies` from {source}; change it there.\n"
    return head + yaml.safe_dump_all(objects, sort_keys=False, width=120)


if __name__ == "__main__":
    main()
