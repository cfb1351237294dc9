"""Write the admission policies for whoever installs them: `python -m deploy.policies [user name of the worker]`."""

import sys
from pathlib import Path

import yaml

from environments.fencing import fencing_policies

FILE = Path(__file__).parent / "fencing.yaml"
ACCOUNT = "catalyst"
"""User name of the worker on the local platform."""


def main() -> None:
    FILE.write_text(text(*sys.argv[1:2]))


def text(account: str = ACCOUNT) -> str:
    head = "# Made by `python -m deploy.policies` from environments/fencing.py; change it there.\n"
    return head + yaml.safe_dump_all(fencing_policies(account), sort_keys=False, width=120)


if __name__ == "__main__":
    main()
