"""Who owns which fields of an object in the in-memory cluster, kept in `metadata.managedFields` as the API server does."""

import copy
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from activities.protocols import ClusterConflict
from environments.model import KubernetesObject
from gateways.cluster.fields import Fields, Path, dotted, fields_v1, flatten, paths_of, put, remove


class Owner(NamedTuple):
    manager: str
    operation: str
    """`Apply` or `Update`."""
    subresource: str


Owners = dict[Owner, frozenset[Path]]


def owners_of(obj: KubernetesObject) -> Owners:
    return {
        Owner(entry["manager"], entry["operation"], entry.get("subresource", "")): paths_of(entry["fieldsV1"])
        for entry in obj["metadata"].get("managedFields") or ()
    }


def write_owners(obj: KubernetesObject, owners: Owners) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    obj["metadata"]["managedFields"] = [
        _entry(obj, owner, paths, now) for owner, paths in sorted(owners.items()) if paths
    ]


def _entry(obj: KubernetesObject, owner: Owner, paths: Iterable[Path], now: str) -> dict[str, Any]:
    entry = {
        "manager": owner.manager,
        "operation": owner.operation,
        "apiVersion": obj["apiVersion"],
        "time": now,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields_v1(paths),
    }
    return entry | ({"subresource": owner.subresource} if owner.subresource else {})


def applied(live: KubernetesObject, wanted: KubernetesObject, owner: Owner, force: bool) -> KubernetesObject:
    """The object after a server-side apply. Raises ClusterConflict when another manager has another value and not `force`."""
    fields, now, owners = flatten(wanted), flatten(live), owners_of(live)
    contested = {
        other: frozenset(path for path in paths if fields.get(path, {}) != {} and now.get(path) != fields[path])
        for other, paths in owners.items()
        if other != owner
    }
    if not force:
        _refuse(contested, live["apiVersion"])
    owners = {other: paths - contested.get(other, frozenset()) for other, paths in owners.items()}
    given_up = (owners.get(owner, frozenset()) - fields.keys()) & now.keys()
    kept = frozenset[Path]().union(*(paths for other, paths in owners.items() if other != owner))
    result = copy.deepcopy(live)
    _set_and_remove(result, fields, given_up - kept)
    write_owners(result, owners | {owner: frozenset(fields)})
    return result


def _set_and_remove(obj: KubernetesObject, fields: Fields, gone: Iterable[Path]) -> None:
    remove(obj, gone)
    for path, value in fields.items():
        put(obj, path, copy.deepcopy(value))


def _refuse(contested: Owners, api_version: str) -> None:
    claims = [
        f'conflict with "{owner.manager}" using {api_version}: {dotted(path)}'
        for owner, paths in contested.items()
        for path in sorted(paths)
    ]
    if claims:
        plural = "conflict" if len(claims) == 1 else "conflicts"
        raise ClusterConflict(f"Apply failed with {len(claims)} {plural}: {'; '.join(claims)} (409)")


def updated(before: KubernetesObject, after: KubernetesObject, owner: Owner) -> None:
    """Note in `after` that `owner` wrote what differs from `before`, and that nobody owns what is gone."""
    old, new = flatten(before), flatten(after)
    changed = frozenset(path for path, value in new.items() if path not in old or old[path] != value)
    owners = {other: (paths - changed) & new.keys() for other, paths in owners_of(before).items()}
    write_owners(after, owners | {owner: owners.get(owner, frozenset()) | changed})
