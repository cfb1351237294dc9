"""Write the roles and the service account for whoever installs them: `python -m deploy.rbac`."""

from pathlib import Path

import yaml

from environments.model import KubernetesObject
from environments.permissions import account_object, binding_objects, home_object, role_objects, service_account

FOLDER = Path(__file__).parent
HEADER = "# Made by `python -m deploy.rbac` from environments/permissions.py; change it there.\n"


def texts() -> dict[Path, str]:
    """File -> what must be in it; kubectl applies a folder's files in this order."""
    return {
        FOLDER / "account.yaml": _text([home_object(), account_object()]),
        FOLDER / "bindings.yaml": _text(binding_objects(service_account())),
        FOLDER / "roles.yaml": _text(role_objects()),
    }


def main() -> None:
    for file, text in texts().items():
        file.write_text(text, encoding="utf-8")


def _text(objects: list[KubernetesObject]) -> str:
    return HEADER + yaml.safe_dump_all(objects, sort_keys=False, width=120)


if __name__ == "__main__":
    main()
