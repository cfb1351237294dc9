"""Who holds a field of a stored object, by `metadata.managedFields` (design: rule 10)."""

from typing import Any

from environments.model import KubernetesObject

Path = tuple[str, ...]
"""As in fieldsV1: ("f:spec", "f:devCommand"); an item of a list with keys is 'k:{"name":"A"}'."""


def managers_of(stored: KubernetesObject, path: Path) -> frozenset[str]:
    """Names of the field managers that hold the field, or something in it."""
    entries = stored.get("metadata", {}).get("managedFields") or ()
    return frozenset(str(entry.get("manager")) for entry in entries if _holds(entry.get("fieldsV1"), path))


def item(key: str, value: str) -> str:
    """Part of a path: the item of a list with keys; a value with quotes in it never is a valid key of ours."""
    return f'k:{{"{key}":"{value}"}}'


def _holds(fields: Any, path: Path) -> bool:
    for part in path:
        if not isinstance(fields, dict) or part not in fields:
            return False
        fields = fields[part]
    return True
