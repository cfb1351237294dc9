"""Write the roles and the service account for whoever installs them: `python -m deploy.rbac`."""

from pathlib import Path

import yaml

from environments.model import KubernetesObject
from environments.owner_role import owner_role_object
from environments.permissions import account_object, binding_objects, home_object, role_objects, service_account

FOLDER = Path(__file__).parent
SOURCE = "environments/permissions.py"


def texts() -> dict[Path, str]:
    """File -> what must be in it; kubectl applies a folder's files in this order."""
    return {
        FOLDER / "account.yaml": _text(SOURCE, [home_object(), account_object()]),
        FOLDER / "bindings.yaml": _text(SOURCE, binding_objects(service_account())),
        FOLDER / "owner.yaml": _text("environments/owner_role.py", [owner_role_object()]),
        FOLDER / "roles.yaml": _text(SOURCE, role_objects()),
    }


def main() -> None:
    for file, text in texts().items():
        file.write_text(text, encoding="utf-8")


def _text(source: str, objects: list[KubernetesObject]) -> str:
    head = f"# Made by `python -m deploy.rbac` from {source}; change it there.\n"
    return head + yaml.safe_dump_all(objects, sort_keys=False, width=120)


if __name__ == "__main__":
    main()
