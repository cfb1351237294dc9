"""A stored Environment as our values: what somebody declared, as far as it makes sense, and what people overrode."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from environments import labels, names
from environments.catalyst_yaml import PortNumber as Port
from environments.catalyst_yaml import Text, Variables
from environments.model import (
    CommitSha,
    EnvironmentIdentity,
    EnvironmentKey,
    EnvironmentUid,
    EnvironmentVariable,
    KubernetesObject,
    Overrides,
    PullRequestKey,
    Value,
)
from environments.ownership import Path, item, managers_of

FULL_SHA = re.compile(r"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?")
DEFAULT_TYPE = "development"
DEFAULT_BRANCH = "main"
TEXT = TypeAdapter[str](Text)
PORT = TypeAdapter[int](Port)
VARIABLES = TypeAdapter[dict[str, str]](Variables)

COMMAND: Path = ("f:spec", "f:devCommand")
WORKDIR: Path = ("f:spec", "f:workdir")
IMAGE: Path = ("f:spec", "f:config", "f:image")
TAG: Path = ("f:spec", "f:config", "f:tag")
PORTS: Path = ("f:spec", "f:config", "f:ports")
ENV: Path = ("f:spec", "f:config", "f:env")


class DeclaredEnvironment(Value):
    uid: EnvironmentUid
    generation: int
    is_deleting: bool
    identity: EnvironmentIdentity | None
    """Of where it lies, never of its own labels (design: rule 11); None: that is no project namespace of ours."""
    project: str
    """Name of the Project resource in the team's namespace."""
    sha: CommitSha | None
    """None: it names no full SHA, and nothing can be rolled out."""
    branch: str
    pull_request_number: int | None
    pull_request: PullRequestKey | None
    """The pull request that owns it, which must be one of the project's own repository; None: somebody made it by hand."""
    has_finalizer: bool = False
    """Whether its deletion waits for teardown already."""
    type: str
    """Key of the template."""
    retry: int
    overrides: Overrides
    """What people set; not what only detection wrote."""
    notes: tuple[str, ...]
    """Sentences: what of it is ignored, and why."""
    traceparent: str | None = None
    """labels.TRACEPARENT."""
    is_from_fork: bool = False


def parse_environment(stored: KubernetesObject, project_namespace: KubernetesObject) -> DeclaredEnvironment:
    """Never raises for what people can write: what makes no sense is ignored with a note.

    `project_namespace`: the Namespace that the resource lies in, whose labels only we write.
    """
    metadata, spec = stored["metadata"], _mapping(stored.get("spec"))
    identity = _identity(metadata["name"], project_namespace)
    source = _source(spec)
    notes: list[str] = []
    return DeclaredEnvironment(
        uid=EnvironmentUid(metadata["uid"]),
        generation=metadata.get("generation") or 0,
        is_deleting="deletionTimestamp" in metadata,
        identity=identity,
        project=_text(_mapping(spec.get("projectRef")).get("name")) or (identity.project if identity else ""),
        sha=_sha(source.get("commitSha")),
        branch=_text(source.get("branch")) or DEFAULT_BRANCH,
        pull_request_number=_count(source.get("prNumber")),
        pull_request=_pull_request(metadata, project_namespace),
        has_finalizer=labels.FINALIZER in (metadata.get("finalizers") or ()),
        type=_text(spec.get("type")) or DEFAULT_TYPE,
        retry=_count(spec.get("retry")) or 0,
        overrides=_overrides(stored, notes),
        notes=tuple(notes),
        traceparent=labels.parse_traceparent(_mapping(metadata.get("annotations")).get(labels.TRACEPARENT)),
        is_from_fork=_mapping(metadata.get("annotations")).get(labels.FORK) == "true",
    )


def override_object(
    key: EnvironmentKey, uid: EnvironmentUid, stored: KubernetesObject | None, request: Mapping[str, Any]
) -> KubernetesObject:
    """What the manager `catalyst-override` applies: what it holds already, with what `request` (an OverrideRequest's
    fields) sets; an empty text takes one back. `stored` None: everything is taken back first."""
    held = held_overrides(stored) if stored is not None else Overrides()
    return {
        "apiVersion": labels.API_VERSION,
        "kind": "Environment",
        "metadata": {"namespace": key.namespace, "name": key.name, "uid": uid},
        "spec": override_spec(held, request),
    }


def override_spec(held: Overrides, request: Mapping[str, Any]) -> dict[str, Any]:
    """What is held already, with what `request` sets, as a spec has it; an empty text takes one back."""
    variables = {each.name: each.value for each in held.env} | (request.get("env") or {})
    wanted = {
        field: _chosen(request.get(field), getattr(held, field)) for field in ("command", "workdir", "image", "tag")
    }
    port = _chosen(request.get("port"), held.port)
    config = {
        "image": wanted["image"],
        "tag": wanted["tag"],
        "ports": [{"containerPort": port}] if port else None,
        "env": [{"name": name, "value": value} for name, value in variables.items()],
    }
    return _given({"devCommand": wanted["command"], "workdir": wanted["workdir"], "config": _given(config)})


# --- overrides ---------------------------------------------------------------------------------------------------


def _overrides(stored: KubernetesObject, notes: list[str]) -> Overrides:
    """All that somebody else than detection holds; an object without managedFields was written by people."""
    found, wrong = read_overrides(
        stored.get("spec"), lambda path: managers_of(stored, path) != {labels.DETECTION_MANAGER}
    )
    notes += [f"`{place}` of the Environment is ignored: {reason}." for place, reason in wrong]
    return found


def held_overrides(stored: KubernetesObject) -> Overrides:
    """All that our override manager holds."""
    found, _ = read_overrides(stored.get("spec"), lambda path: labels.OVERRIDE_MANAGER in managers_of(stored, path))
    return found


def read_overrides(written: object, is_wanted: Callable[[Path], bool]) -> tuple[Overrides, list[tuple[str, str]]]:
    """Of a spec in an Environment's form; `is_wanted` is asked for each field, by its path in an Environment. What makes no sense is
    left out, and is the second: its place (`spec.config.ports`), and why."""
    spec = _mapping(written)
    config = _mapping(spec.get("config"))
    ports = config.get("ports")
    first_port = _mapping(ports[0]).get("containerPort") if isinstance(ports, list) and ports else None
    wrong: list[tuple[str, str]] = []

    def valid(adapter: TypeAdapter[Any], path: Path, value: Any) -> Any:
        if value is None or not is_wanted(path):
            return None
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            place = ".".join(part.removeprefix("f:") for part in path)
            reason = error.errors(include_url=False, include_input=False)[0]["msg"].removeprefix("Value error, ")
            wrong.append((place, reason))
            return None

    # `envVars` is how the specification's resource calls it, `env` the original's newest (original, 1).
    old = valid(VARIABLES, (*ENV[:2], "f:envVars"), config.get("envVars")) or {}
    new = valid(VARIABLES, ENV, config.get("env")) or {}
    env = old | {name: value for name, value in new.items() if is_wanted((*ENV, item("name", name)))}
    found = Overrides(
        command=valid(TEXT, COMMAND, spec.get("devCommand")),
        workdir=valid(TEXT, WORKDIR, spec.get("workdir")),
        port=valid(PORT, PORTS, first_port),
        env=tuple(EnvironmentVariable(name=name, value=value) for name, value in env.items()),
        image=valid(TEXT, IMAGE, config.get("image")),
        tag=valid(TEXT, TAG, config.get("tag")),
    )
    return found, wrong


def _chosen(asked: Any, held: Any) -> Any:
    """None: not asked for, stays; empty: taken back."""
    return held if asked is None else asked or None


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


# --- the rest of the resource ------------------------------------------------------------------------------------


def _identity(name: str, project_namespace: KubernetesObject) -> EnvironmentIdentity | None:
    metadata = project_namespace["metadata"]
    own = _mapping(metadata.get("labels"))
    team, project = own.get(labels.TEAM), own.get(labels.PROJECT)
    if not (team and project and own.get(labels.NAMESPACE_TYPE) == "project"):
        return None
    try:
        is_its_own = names.project_namespace(team, project) == metadata["name"]
        return EnvironmentIdentity(team=team, project=project, environment=names.sanitise(name)) if is_its_own else None
    except names.InvalidName:
        return None


def _source(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first of `sources`; `source` alone is how the original's oldest samples write it."""
    sources = spec.get("sources")
    return _mapping(sources[0] if isinstance(sources, list) and sources else spec.get("source"))


def _pull_request(metadata: Mapping[str, Any], project_namespace: KubernetesObject) -> PullRequestKey | None:
    """Anybody who may write here can name any pull request: only where the resource lies says whose it is (design: rule 11)."""
    annotation = _mapping(metadata.get("annotations")).get(labels.PULL_REQUEST)
    key = labels.parse_pull_request_annotation(annotation) if isinstance(annotation, str) else None
    own = _mapping(project_namespace["metadata"].get("annotations")).get(labels.REPOSITORY)
    return key if key is not None and own == f"{key.forge}/{key.repository_id}" else None


def _sha(value: object) -> CommitSha | None:
    return CommitSha(value.lower()) if isinstance(value, str) and FULL_SHA.fullmatch(value) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
