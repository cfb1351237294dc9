"""What people set instead of what was detected: for one environment, or for all of a project's of one type. Pure.

For one environment it lies in its spec; for the project in `spec.overrides.<type>` of the Project, in the same form. Who set which
field and when stands in an annotation beside it, written by the same field manager, so that a reset takes it back too (design: rule 10).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from environments import labels
from environments.declared import DeclaredEnvironment, held_overrides, override_object, override_spec, read_overrides
from environments.model import EnvironmentKey, EnvironmentUid, KubernetesObject, Overrides, Value
from environments.ownership import Path, managers_of

MOST_OF_A_NAME = 100
MOST_TOLD = 20
"""Fields of one scope that are told by name: every report carries them."""
FIELDS = ("command", "workdir", "port", "env", "image", "tag")
OVERRIDES: Path = ("f:spec", "f:overrides")
Scope = Literal["environment", "project"]


class Signature(Value):
    """Who set something, and when."""

    by: Annotated[str, Field(max_length=MOST_OF_A_NAME)] = ""
    """Empty: somebody who edited the resource."""
    at: AwareDatetime | None = None
    fields: tuple[str, ...]
    """As the API calls them, variables as `env.<name>`; never their values."""


class Overridden(Signature):
    """What is overridden now, for people: until it is reset."""

    scope: Scope
    more: int = 0
    """How many more fields are overridden than are told."""


SIGNATURES = TypeAdapter(tuple[Signature, ...])


# --- what counts -------------------------------------------------------------------------------------------------


def with_project(declared: DeclaredEnvironment, project: KubernetesObject | None) -> DeclaredEnvironment:
    """The environment with what is overridden for its project; its own overrides win, field by field."""
    (ours, notes), own = _of_project(project, declared.type), declared.overrides
    if own.image is not None:  # a tag is one of its image's
        ours = ours.model_copy(update={"tag": None})
    variables = {each.name: each for each in (*ours.env, *own.env)}
    chosen = {name: value for name, value in own if value is not None and name != "env"}
    overrides = ours.model_copy(update={**chosen, "env": tuple(variables.values())})
    return declared.model_copy(update={"overrides": overrides, "notes": (*declared.notes, *notes)})


def _of_project(project: KubernetesObject | None, type: str) -> tuple[Overrides, list[str]]:
    """And sentences about what of it makes no sense."""
    found, wrong = read_overrides(_types(project).get(type), lambda _: True)
    places = [(place.replace("spec.", f"spec.overrides.{type}.", 1), reason) for place, reason in wrong]
    return found, [f"`{place}` of the Project is ignored: {reason}." for place, reason in places]


# --- what is asked for -------------------------------------------------------------------------------------------


def override_refusal(request: Mapping[str, Any]) -> str | None:
    """Why an override (an OverrideRequest's fields) makes no sense, in a sentence."""
    if not request["reset"] and all(request[field] is None for field in FIELDS):
        return "Nothing to set: give command, workdir, port, env, image or tag, or reset."
    _, wrong = read_overrides(override_spec(Overrides(), request), lambda _: True)
    return " ".join(f"`{place}` can't be set to that: {reason}." for place, reason in wrong) or None


def environment_override(stored: KubernetesObject, request: Mapping[str, Any], at: datetime) -> KubernetesObject:
    """What the manager `catalyst-override` applies to the Environment: what it holds, with what `request` (an OverrideRequest's
    fields) sets; `reset` takes all back first."""
    metadata = stored["metadata"]
    key = EnvironmentKey(namespace=metadata["namespace"], name=metadata["name"])
    wanted = override_object(key, EnvironmentUid(metadata["uid"]), None if request["reset"] else stored, request)
    signatures = _signed(_signatures(_told(stored)), wanted["spec"], request, at)
    return _based_on(stored, wanted, signatures)


def project_override(
    project: KubernetesObject, type: str, request: Mapping[str, Any], at: datetime
) -> KubernetesObject:
    """The same for the Project; what is held of other types stays."""
    overrides, signatures = {}, {}
    for each in dict.fromkeys((*_types(project), type)):
        asked = request if each == type else {}
        held = Overrides() if asked.get("reset") else _held(project, each)
        wanted = override_spec(held, asked)
        # Left out while somebody else holds something in it, the API server makes a null of it and refuses that.
        if wanted or _is_shared(project, each):
            overrides[each] = wanted
        if signed := _signed(_signatures_of(project, each), wanted, asked, at):
            signatures[each] = signed
    metadata = {name: project["metadata"][name] for name in ("namespace", "name", "uid")}
    spec = {"overrides": overrides} if overrides else {}
    resource = {"apiVersion": labels.API_VERSION, "kind": "Project", "metadata": metadata, "spec": spec}
    return _based_on(project, resource, signatures)


def _based_on(stored: KubernetesObject, wanted: KubernetesObject, signatures: Any) -> KubernetesObject:
    """Signed, where anybody has set something. The version makes it fail once somebody else has written since it was read: what they
    overrode meanwhile would be taken back."""
    metadata = wanted["metadata"] | {"resourceVersion": stored["metadata"]["resourceVersion"]}
    if signatures:
        metadata["annotations"] = {labels.OVERRIDDEN: json.dumps(signatures)}
    return wanted | {"metadata": metadata}


def _signed(
    before: tuple[Signature, ...], wanted: Mapping[str, Any], request: Mapping[str, Any], at: datetime
) -> list[dict[str, Any]]:
    """Who set each field of `wanted`: `request["by"]` those it asks for, the others who set them before."""
    left, asked = _names_in(wanted), _names_in(override_spec(Overrides(), request))
    signatures = [
        each.model_copy(update={"fields": tuple(name for name in each.fields if name in left and name not in asked)})
        for each in before
    ]
    if asked:
        by = request["by"][:MOST_OF_A_NAME]
        signatures.append(Signature(by=by, at=at.replace(microsecond=0), fields=asked))
    return [each.model_dump(mode="json") for each in signatures if each.fields]


def _is_shared(project: KubernetesObject, type: str) -> bool:
    """Whether somebody else than our override manager holds anything of it."""
    return managers_of(project, (*OVERRIDES, f"f:{type}")) > {labels.OVERRIDE_MANAGER}


def _held(project: KubernetesObject, type: str) -> Overrides:
    """All that our override manager holds."""

    def is_ours(path: Path) -> bool:
        return labels.OVERRIDE_MANAGER in managers_of(project, (*OVERRIDES, f"f:{type}", *path[1:]))

    found, _ = read_overrides(_types(project).get(type), is_ours)
    return found


# --- what is told ------------------------------------------------------------------------------------------------


def overridden(
    stored: KubernetesObject, declared: DeclaredEnvironment, project: KubernetesObject | None
) -> tuple[Overridden, ...]:
    """`declared`: of `stored` alone. That of the project first."""
    ours, _ = _of_project(project, declared.type)
    held = _held(project, declared.type) if project else Overrides()
    return (
        *_tell("project", ours, held, _signatures_of(project, declared.type)),
        *_tell("environment", declared.overrides, held_overrides(stored), _signatures(_told(stored))),
    )


def _tell(scope: Scope, overrides: Overrides, held: Overrides, signatures: tuple[Signature, ...]) -> list[Overridden]:
    """One for each who set something; what our manager doesn't hold was set by an edit, whoever set it before."""
    names, ours = _names(overrides), _names(held)
    left, found = names[:MOST_TOLD], []
    for each in (*signatures, Signature(fields=left)):
        fields = tuple(name for name in left if name in each.fields and (name in ours or not each.by))
        left = tuple(name for name in left if name not in fields)
        if fields:
            found.append(Overridden(scope=scope, by=each.by, at=each.at, fields=fields))
    if more := len(names[MOST_TOLD:]):
        found[-1] = found[-1].model_copy(update={"more": more})
    return found


def _names_in(spec: Mapping[str, Any]) -> tuple[str, ...]:
    return _names(read_overrides(spec, lambda _: True)[0])


def _names(overrides: Overrides) -> tuple[str, ...]:
    fields = [name for name, value in overrides if value is not None and name != "env"]
    return (*fields, *(f"env.{each.name}" for each in overrides.env))


def _told(stored: KubernetesObject | None) -> Any:
    """The annotation, whatever somebody wrote there; None: nothing that can be read."""
    annotations = ((stored or {}).get("metadata") or {}).get("annotations") or {}
    try:
        return json.loads(annotations.get(labels.OVERRIDDEN, ""))
    except (ValueError, TypeError, RecursionError):
        return None


def _signatures_of(project: KubernetesObject | None, type: str) -> tuple[Signature, ...]:
    """Of a Project, whose annotation has them by type."""
    told = _told(project)
    return _signatures(told.get(type)) if isinstance(told, Mapping) else ()


def _signatures(told: Any) -> tuple[Signature, ...]:
    try:
        return SIGNATURES.validate_python(told)
    except ValidationError:
        return ()


def _types(project: KubernetesObject | None) -> Mapping[str, Any]:
    found = ((project or {}).get("spec") or {}).get("overrides")
    return found if isinstance(found, Mapping) else {}
