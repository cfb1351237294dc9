"""What people set instead of what was detected: for one environment, or for all of a project's of one type. Pure.

For one environment it lies in its spec; for the project in `spec.overrides.<type>` of the Project, in the same form. Who and when
stand in an annotation beside it, written by the same field manager, so that a reset takes them back too (design: rule 10).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from environments import labels
from environments.declared import DeclaredEnvironment, override_spec, read_overrides
from environments.model import KubernetesObject, Overrides, Value
from environments.ownership import Path, managers_of

MOST_OF_A_NAME = 100
MOST_NAMES = 10
OVERRIDES: Path = ("f:spec", "f:overrides")
Scope = Literal["environment", "project"]


class Overridden(Value):
    """What is overridden now, for people: until it is reset."""

    scope: Scope
    fields: tuple[str, ...]
    """As the API calls them; of variables their names, never their values."""
    by: str = ""
    """Empty: somebody who edited the resource."""
    at: datetime | None = None


def with_project(declared: DeclaredEnvironment, project: KubernetesObject | None) -> DeclaredEnvironment:
    """The environment with what is overridden for its project; its own overrides win, field by field."""
    ours, own = project_overrides(project, declared.type), declared.overrides
    variables = {each.name: each for each in (*ours.env, *own.env)}
    chosen = {name: value for name, value in own if value is not None and name != "env"}
    overrides = ours.model_copy(update={**chosen, "env": tuple(variables.values())})
    return declared.model_copy(update={"overrides": overrides})


def project_overrides(project: KubernetesObject | None, type: str) -> Overrides:
    """What makes no sense in it is left out: a note about it would stand on every pull request."""
    return read_overrides(_of_type(project, type), lambda _: True, [])


def overridden(
    stored: KubernetesObject, declared: DeclaredEnvironment, project: KubernetesObject | None
) -> tuple[Overridden, ...]:
    """`declared`: of `stored` alone. That of the project first."""
    found = (
        _told("project", project_overrides(project, declared.type), _signature(project).get(declared.type)),
        _told("environment", declared.overrides, _signature(stored)),
    )
    return tuple(each for each in found if each is not None)


def signed(obj: KubernetesObject, signature: Mapping[str, Any]) -> KubernetesObject:
    """With who and when; without, where nothing is overridden any more."""
    if not obj["spec"]:
        return obj
    metadata = obj["metadata"] | {"annotations": {labels.OVERRIDDEN: json.dumps(signature)}}
    return obj | {"metadata": metadata}


def signature(by: str, at: datetime) -> dict[str, str]:
    return {"by": by[:MOST_OF_A_NAME], "at": at.isoformat(timespec="seconds")}


def project_override_object(
    project: KubernetesObject, type: str, request: Mapping[str, Any], who: Mapping[str, str]
) -> KubernetesObject:
    """What the manager `catalyst-override` applies to the Project: what it holds of all types, with what `request` (an OverrideRequest's
    fields) sets for this one; `reset` takes all of this type back first."""
    spec, signatures = {}, {}
    for each in {*_types(project), type}:
        held = Overrides() if each == type and request.get("reset") else _held(project, each)
        wanted = override_spec(held, request if each == type else {})
        if wanted:
            spec[each] = wanted
            signatures[each] = who if each == type else _signature(project).get(each, {})
    metadata = {name: project["metadata"][name] for name in ("namespace", "name", "uid")}
    obj = {"apiVersion": labels.API_VERSION, "kind": "Project", "metadata": metadata}
    return signed(obj | {"spec": {"overrides": spec} if spec else {}}, signatures)


def _held(project: KubernetesObject, type: str) -> Overrides:
    def is_ours(path: Path) -> bool:
        return labels.OVERRIDE_MANAGER in managers_of(project, (*OVERRIDES, f"f:{type}", *path[1:]))

    return read_overrides(_of_type(project, type), is_ours, [])


def _types(project: KubernetesObject | None) -> Mapping[str, Any]:
    found = ((project or {}).get("spec") or {}).get("overrides")
    return found if isinstance(found, Mapping) else {}


def _of_type(project: KubernetesObject | None, type: str) -> Mapping[str, Any]:
    found = _types(project).get(type)
    return found if isinstance(found, Mapping) else {}


def _told(scope: Scope, overrides: Overrides, signed: Any) -> Overridden | None:
    fields = tuple(name for name, value in overrides if value is not None and name != "env")
    fields += tuple(each.name for each in overrides.env[:MOST_NAMES])
    if not fields:
        return None
    who = signed if isinstance(signed, Mapping) else {}
    return Overridden(scope=scope, fields=fields, by=str(who.get("by", ""))[:MOST_OF_A_NAME], at=_moment(who.get("at")))


def _signature(stored: KubernetesObject | None) -> dict[str, Any]:
    """Empty for whatever else somebody wrote there."""
    annotations = ((stored or {}).get("metadata") or {}).get("annotations") or {}
    try:
        found = json.loads(annotations.get(labels.OVERRIDDEN, ""))
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
