"""Server-side apply as the in-memory cluster does it: fields as paths, who owns them, and merging.

Maps are merged key by key, lists whose items all have a `name` by name, `metadata.finalizers` as a set, other lists as one
value. Close enough to the API server for conflicts on spec fields, labels and finalizers; the contract suite holds it to that.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Path = tuple[str, ...]
"""A field as in fieldsV1: ("f:spec", "f:containers", 'k:{"name":"web"}', "f:image")."""
Fields = dict[Path, Any]
"""Leaf -> value."""

UNOWNED: frozenset[Path] = frozenset(
    {("f:apiVersion",), ("f:kind",)}
    | {
        ("f:metadata", f"f:{key}")
        for key in ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
        + ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
    }
)


def flatten(obj: Mapping[str, Any]) -> Fields:
    """Every leaf of an object that can have an owner."""
    return {path: value for path, value in _leaves((), obj) if path[:2] not in UNOWNED and path[:1] not in UNOWNED}


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves((*path, f"f:{key}"), item)
    elif path == ("f:metadata", "f:finalizers"):
        yield from (((*path, f"v:{json.dumps(item)}"), item) for item in value)
    elif is_named(value):
        for item in value:
            yield from _leaves((*path, _key(item["name"])), item)
    else:
        yield path, value


def is_named(value: Any) -> bool:
    """Whether a list is merged by the names of its items."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and "name" in item for item in value)


def _key(name: str) -> str:
    return "k:" + json.dumps({"name": name}, separators=(",", ":"))


def put(obj: dict[str, Any], path: Path, value: Any) -> None:
    """Set one leaf, making what is missing on the way."""
    here: Any = obj
    for step, following in zip(path, (*path[1:], ""), strict=True):
        if step.startswith("v:"):
            if value not in here:
                here.append(value)
        elif not following:
            # An empty map says that there is one, not that it is empty.
            is_there = value == {} and isinstance(here.get(step[2:]), dict)
            here[step[2:]] = here[step[2:]] if is_there else value
        elif step.startswith("f:"):
            empty: Any = [] if following.startswith(("k:", "v:")) else {}
            if not isinstance(here.get(step[2:]), type(empty)):
                here[step[2:]] = empty
            here = here[step[2:]]
        else:
            here = _named_item(here, json.loads(step[2:])["name"])


def _named_item(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for item in items:
        if item.get("name") == name:
            return item
    items.append({"name": name})
    return items[-1]


def remove(obj: dict[str, Any], paths: Iterable[Path]) -> None:
    """Take leaves away, and what they leave empty."""
    # An item's name last: the rest of it is found by it.
    for path in sorted(paths, key=lambda path: path[-1] == "f:name"):
        _remove(obj, path)


def _remove(here: Any, path: Path) -> None:
    step, rest = path[0], path[1:]
    if step.startswith("v:"):
        here[:] = [item for item in here if item != json.loads(step[2:])]
    elif step.startswith("k:"):
        name = json.loads(step[2:])["name"]
        for item in [item for item in here if item.get("name") == name]:
            _remove(item, rest)
            if not item:
                here.remove(item)
    elif isinstance(here, dict) and step[2:] in here:
        if rest:
            _remove(here[step[2:]], rest)
        if not rest or here[step[2:]] in ({}, []):
            del here[step[2:]]


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386: a null removes, an object merges, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def dotted(path: Path) -> str:
    """A path as conflicts print it: `.spec.containers[name="web"].image`."""
    parts = [
        f".{step[2:]}" if step.startswith("f:") else f'[name="{json.loads(step[2:])["name"]}"]'
        for step in path
        if not step.startswith("v:")
    ]
    return "".join(parts)


def fields_v1(paths: Iterable[Path]) -> dict[str, Any]:
    """As `managedFields[].fieldsV1`."""
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        here = tree
        for step in path:
            here = here.setdefault(step, {})
    return tree


def paths_of(tree: Mapping[str, Any], at: Path = ()) -> frozenset[Path]:
    """The leaves of a fieldsV1."""
    if not tree:
        return frozenset({at} if at else ())
    return frozenset(path for step, rest in tree.items() if step != "." for path in paths_of(rest, (*at, step)))
