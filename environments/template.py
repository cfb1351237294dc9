"""How one commit is deployed: the template of `.catalyst.yaml`, else of the Project, else by detection; overrides on top."""

import posixpath
from typing import Any

from environments.catalyst_yaml import FILE, InvalidTemplate, TemplateSpec, parse_template, read_file
from environments.dependencies import dependency_files
from environments.detection import detect
from environments.detection.dockerfile import NAMES as DOCKERFILES
from environments.detection.dockerfile import exposed_port
from environments.detection.folders import ROOT, Folder, is_folder, relative
from environments.detection.unrecognised import CONFIGURE
from environments.model import (
    CommitSha,
    DeploymentMethod,
    Detection,
    EnvironmentVariable,
    Overrides,
    ProjectKind,
    Snapshot,
    Template,
)
from environments.node_commands import NODE_IMAGE, install_command, install_inputs, node_environment
from environments.watching import is_watching

__all__ = ["InvalidTemplate", "choose_template"]

DEPLOYMENT = "deployment"
"""Template of every long-lived environment (staging, production) that has none of its own name."""
DEVELOPMENT = "development"
MAKE_PORT = 8080
SOURCE_TYPES = frozenset({"source"})
CONTAINER_TYPES = frozenset({"container", "dockerfile"})
PREBUILT_TYPES = frozenset({"prebuilt"})
SHELL_TYPES = frozenset({"shell"})


def choose_template(
    snapshot: Snapshot,
    detection: Detection,
    project_template: dict[str, Any] | None,
    overrides: Overrides,
    sha: CommitSha,
    environment_type: str,
) -> Template:
    """`sha` may be any text that an Environment names as its commit; it is the tag of a prebuilt image that has no other.

    Raises InvalidTemplate with a sentence for the repository's author.
    """
    spec, where = _written(snapshot, project_template, environment_type)
    if spec is not None and overrides.workdir is None:
        detection = _looked_at_again(spec, where, snapshot, detection)
    template = _from_spec(spec, where, snapshot, detection, sha) if spec else _detected(snapshot, detection)
    return _living(_overridden(template, overrides, snapshot), snapshot)


def _living(template: Template, snapshot: Snapshot) -> Template:
    """What a development pod needs to know, to do as little as a commit asks for."""
    folder = Folder(snapshot, template.workdir)
    inputs = template.install_inputs or dependency_files(folder) if template.install_command else ()
    return template.model_copy(update={"is_watching": is_watching(template.command, folder), "install_inputs": inputs})


def _written(
    snapshot: Snapshot, project_template: dict[str, Any] | None, environment_type: str
) -> tuple[TemplateSpec | None, str]:
    """The template that somebody wrote, and where."""
    in_file = read_file(snapshot)
    for key in (environment_type, *(() if environment_type == DEVELOPMENT else (DEPLOYMENT,))):
        if key in in_file:
            return in_file[key], f"{FILE}, templates.{key}"
    if project_template is not None:
        where = f"Project resource, templates.{environment_type}"
        return parse_template(project_template, where), where
    return None, ""


def _looked_at_again(spec: TemplateSpec, where: str, snapshot: Snapshot, detection: Detection) -> Detection:
    """In the folder that the template names (FR-ENV-009)."""
    workdir = _workdir(spec, where, snapshot, detection.workdir)
    return detection if workdir == detection.workdir else detect(snapshot, workdir)


# --- by what somebody wrote --------------------------------------------------------------------------------------


def _from_spec(spec: TemplateSpec, where: str, snapshot: Snapshot, detection: Detection, sha: CommitSha) -> Template:
    if spec.type in SHELL_TYPES:
        return _shell(spec, where, snapshot)
    if spec.type in SOURCE_TYPES or (spec.type is None and spec.command is not None):
        return _source(spec, where, snapshot, detection)
    if spec.type in PREBUILT_TYPES:
        return _prebuilt(spec, where, sha)
    if spec.type in CONTAINER_TYPES or _is_dockerfile_build(spec):
        return _container(spec, where, snapshot)
    if spec.values.image is not None and not _is_chart(spec, snapshot):
        return _prebuilt(spec, where, sha)
    if spec.type is None:
        return _refined(_detected(snapshot, detection), spec, where)
    note = f"{where}: type `{spec.type[:60]}` isn't supported yet, so this environment is a plain shell. {CONFIGURE}"
    return _shell(spec, where, snapshot).model_copy(update={"notes": (note,)})


def _source(spec: TemplateSpec, where: str, snapshot: Snapshot, detection: Detection) -> Template:
    """What isn't written is as detected, where it was detected in the same folder."""
    workdir = _workdir(spec, where, snapshot, detection.workdir)
    detected = _detected(snapshot, detection)
    same = detected if detected.workdir == workdir and detected.method is DeploymentMethod.SOURCE else None
    command = spec.command or (same.command if same else None)
    if command is None:
        raise InvalidTemplate(f"{where}: nothing says how the program starts. Add `command:`.")
    known = same or Template(method=DeploymentMethod.SOURCE, port=MAKE_PORT)
    return _refined(known.model_copy(update={"workdir": workdir, "command": command, "notes": ()}), spec, where)


def _container(spec: TemplateSpec, where: str, snapshot: Snapshot) -> Template:
    context, dockerfile = _build_paths(spec, where, snapshot)
    text = snapshot.texts.get(posixpath.normpath(posixpath.join(context, dockerfile))) or ""
    template = Template(
        method=DeploymentMethod.CONTAINER, workdir=context, dockerfile=dockerfile, port=exposed_port(text)
    )
    return _refined(template, spec, where).model_copy(update={"command": spec.command})


def _prebuilt(spec: TemplateSpec, where: str, sha: CommitSha) -> Template:
    image = _image(spec)
    if image is None:
        raise InvalidTemplate(f"{where}: no image is named. Add `values.image.repository:`.")
    repository, tag = _split(image)
    written = spec.values.image.tag if spec.values.image else None
    # A reference with a digest says everything; a tag on top would contradict it.
    tag = None if "@" in repository else written or tag or sha
    return _refined(Template(method=DeploymentMethod.PREBUILT), spec, where).model_copy(
        update={"image": repository, "tag": tag, "command": spec.command}
    )


def _shell(spec: TemplateSpec, where: str, snapshot: Snapshot) -> Template:
    workdir = _workdir(spec, where, snapshot, ROOT)
    return _refined(Template(method=DeploymentMethod.SHELL, workdir=workdir), spec, where)


def _refined(template: Template, spec: TemplateSpec, where: str) -> Template:
    """With what every type may say: base image, port, variables."""
    image = spec.image or spec.config.image
    port = spec.port or next((each.container_port for each in spec.config.ports), None)
    update: dict[str, Any] = {"env": _merged(template.env, spec.config.env | spec.env)}
    if spec.install is not None and template.method is DeploymentMethod.SOURCE:
        update["install_command"] = spec.install
    if image is not None and template.method in (DeploymentMethod.SOURCE, DeploymentMethod.SHELL):
        update["image"] = _checked_image(image, where)
    return template.model_copy(update=update | ({"port": port, "is_port_fixed": True} if port else {}))


def _is_dockerfile_build(spec: TemplateSpec) -> bool:
    build = spec.values.build
    return bool(spec.builds) if build is None else build.method == "dockerfile"


def _is_chart(spec: TemplateSpec, snapshot: Snapshot) -> bool:
    """The original's `type: helm` with nothing but an image names a chart that no repository has."""
    chart = relative(spec.path or ROOT)
    return chart is not None and "Chart.yaml" in Folder(snapshot, chart).names


def _image(spec: TemplateSpec) -> str | None:
    in_values = spec.values.image.repository if spec.values.image else None
    return in_values or spec.image or spec.config.image


def _build_paths(spec: TemplateSpec, where: str, snapshot: Snapshot) -> tuple[str, str]:
    """Context relative to the repository's root, Dockerfile relative to the context."""
    context, written = _written_build(spec)
    context = _within(context, where)
    for name in (written,) if written else DOCKERFILES:
        # People write it relative to the context or to the root; the file that exists says which.
        for path in (posixpath.join(context, _within(name, where)), _within(name, where)):
            inside = posixpath.relpath(path, context)
            if posixpath.normpath(path) in snapshot.paths and not inside.startswith("../"):
                return context, inside
    raise InvalidTemplate(
        f"{where}: there is no file `{written or DOCKERFILES[0]}` in `{context}`. Correct `values.build`."
    )


def _written_build(spec: TemplateSpec) -> tuple[str, str | None]:
    """Context and Dockerfile as written. `path` is the Dockerfile in `values.build`, but the context in `builds` (original, 2)."""
    if build := spec.values.build:
        return build.context or spec.workdir or ROOT, build.dockerfile or build.path
    if spec.builds:
        return spec.builds[0].path or spec.workdir or ROOT, spec.builds[0].dockerfile
    return spec.workdir or ROOT, None


def _workdir(spec: TemplateSpec, where: str, snapshot: Snapshot, default: str) -> str:
    path = _within(spec.workdir or default, where)
    if not is_folder(snapshot, path):
        raise InvalidTemplate(f"{where}: `workdir: {path}` is no folder of the repository. Correct it.")
    return path


def _within(path: str, where: str) -> str:
    clean = relative(path)
    if clean is None:
        raise InvalidTemplate(
            f"{where}: the path {path[:100]!r} leads out of the repository. Make it relative to its root."
        )
    return clean


# --- by detection ------------------------------------------------------------------------------------------------


def _detected(snapshot: Snapshot, detection: Detection) -> Template:
    match detection.kind:
        case ProjectKind.NODE:
            return _node(snapshot, detection)
        case ProjectKind.DOCKERFILE:
            return Template(
                method=DeploymentMethod.CONTAINER,
                workdir=detection.workdir,
                dockerfile=posixpath.basename(detection.dockerfile or "Dockerfile"),
                port=detection.port,
                notes=detection.notes,
            )
        case ProjectKind.MAKEFILE:
            return Template(
                method=DeploymentMethod.SOURCE,
                command=detection.dev_command,
                workdir=detection.workdir,
                port=detection.port or MAKE_PORT,
                notes=detection.notes,
            )
        case _:
            return Template(method=DeploymentMethod.SHELL, workdir=detection.workdir, notes=detection.notes)


def _node(snapshot: Snapshot, detection: Detection) -> Template:
    folder = Folder(snapshot, detection.workdir)
    return Template(
        method=DeploymentMethod.SOURCE,
        image=NODE_IMAGE,
        command=detection.dev_command,
        install_command=install_command(folder),
        install_inputs=install_inputs(folder),
        workdir=detection.workdir,
        port=detection.port,
        env=tuple(EnvironmentVariable(name=name, value=value) for name, value in node_environment().items()),
        notes=detection.notes,
    )


# --- overrides ---------------------------------------------------------------------------------------------------


def _overridden(template: Template, overrides: Overrides, snapshot: Snapshot) -> Template:
    """What a person set wins over everything else (FR-ENV-011)."""
    update: dict[str, Any] = {"env": _merged(template.env, {each.name: each.value for each in overrides.env})}
    if overrides.port is not None:
        update |= {"port": overrides.port, "is_port_fixed": True}
    is_source = template.method in (DeploymentMethod.SOURCE, DeploymentMethod.SHELL)
    if overrides.workdir is not None and is_source:
        update["workdir"] = _overridden_workdir(overrides.workdir, snapshot)
    if overrides.command is not None:
        update["command"] = overrides.command
        if template.method is DeploymentMethod.SHELL:
            # A command is what the shell was waiting for.
            update |= {"method": DeploymentMethod.SOURCE, "notes": ()}
    return _with_image(template.model_copy(update=update), overrides)


def _overridden_workdir(workdir: str, snapshot: Snapshot) -> str:
    path = _within(workdir, "The override of the working directory")
    if not is_folder(snapshot, path):
        raise InvalidTemplate(
            f"The working directory `{path}` that was set by override is no folder of this commit. Reset it."
        )
    return path


def _with_image(template: Template, overrides: Overrides) -> Template:
    """A base image for what runs source; for the others the image that runs instead (the original's `config.image`)."""
    if overrides.image is None:
        is_tagged = overrides.tag is not None and template.method is DeploymentMethod.PREBUILT
        return template.model_copy(update={"tag": overrides.tag}) if is_tagged else template
    image = _checked_image(overrides.image, "The override of the image")
    if template.method in (DeploymentMethod.SOURCE, DeploymentMethod.SHELL):
        return template.model_copy(update={"image": image})
    repository, tag = _split(image)
    tag = None if "@" in repository else overrides.tag or tag or "latest"
    return template.model_copy(update={"method": DeploymentMethod.PREBUILT, "image": repository, "tag": tag})


def _checked_image(image: str, where: str) -> str:
    if not image.isascii() or not image.isprintable() or " " in image:
        raise InvalidTemplate(f"{where}: {image[:100]!r} is no reference of an image. Write `repository:tag`.")
    return image


def _split(image: str) -> tuple[str, str | None]:
    """Repository and tag; a port belongs to the registry's host, and a digest stays with the repository."""
    if "@" in image:
        return image, None
    repository, colon, tag = image.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (image, None)


def _merged(first: tuple[EnvironmentVariable, ...], then: dict[str, str]) -> tuple[EnvironmentVariable, ...]:
    variables = {each.name: each.value for each in first} | then
    return tuple(EnvironmentVariable(name=name, value=value) for name, value in variables.items())
