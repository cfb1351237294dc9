"""`.catalyst.yaml`, and the templates of a Project resource: one format, read with bounds (docs/catalyst-yaml.md)."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from environments.model import Snapshot

FILE = ".catalyst.yaml"
RULES = "previews"
"""Which pull requests get a preview (environments.preview_rules); read from the base branch only."""
MAX_LENGTH = 64 * 1024
MAX_DEPTH = 20
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,252}")
HELP = "See docs/catalyst-yaml.md."


class InvalidTemplate(ValueError):
    """A template makes no sense; the message says which file, where in it, and what to do."""


def _variables(value: Any) -> Any:
    """A mapping, or Kubernetes' list of name and value; numbers and booleans are written as people mean them."""
    if value is None:
        return {}
    if isinstance(value, list):
        if not all(isinstance(each, dict) and "value" in each and "name" in each for each in value):
            raise ValueError("each variable needs `name` and `value` (values from elsewhere aren't supported yet)")
        value = {each["name"]: each["value"] for each in value}
    if not isinstance(value, dict):
        raise ValueError("write `NAME: value` lines")  # noqa: TRY004 - pydantic collects ValueError only
    return {_variable_name(name): _scalar(name, content) for name, content in value.items()}


def _variable_name(name: object) -> str:
    if not (isinstance(name, str) and VARIABLE_NAME.fullmatch(name)):
        raise ValueError(f"{str(name)[:60]!r} can't be the name of a variable")
    return name


def _scalar(name: object, content: object) -> str:
    if isinstance(content, bool):
        return str(content).lower()
    if not isinstance(content, str | int | float):
        raise ValueError(f"the value of {name} must be text, a number or a boolean")  # noqa: TRY004 - as above
    return str(content)


Variables = Annotated[dict[str, str], BeforeValidator(_variables)]
Text = Annotated[str, Field(min_length=1, max_length=4096)]
PortNumber = Annotated[int, Field(ge=1, le=65535, strict=True)]


class _Lenient(BaseModel):
    """Fields that others added are kept out of the way, not refused: the original's resources have many more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Image(_Lenient):
    repository: Text | None = None
    tag: Text | None = None


class Build(_Lenient):
    """`values.build`, or one of `builds`."""

    method: str = "dockerfile"
    path: Text | None = None
    context: Text | None = None
    dockerfile: Text | None = None


class Values(_Lenient):
    image: Image | None = None
    build: Build | None = None


class ContainerPort(_Lenient):
    container_port: PortNumber = Field(alias="containerPort")


class Config(_Lenient):
    """The original's container settings, as far as they are supported."""

    image: Text | None = None
    env: Variables = Field(default_factory=dict)
    ports: tuple[ContainerPort, ...] = Field(default=(), max_length=100)


class TemplateSpec(_Lenient):
    """One template as people write it."""

    type: Text | None = None
    path: Text | None = None
    """helm: folder of the chart; compose and nix: of their file."""
    workdir: Text | None = None
    command: Text | None = None
    install: Text | None = None
    image: Text | None = None
    port: PortNumber | None = None
    env: Variables = Field(default_factory=dict)
    values: Values = Field(default_factory=Values)
    builds: tuple[Build, ...] = Field(default=(), max_length=100)
    config: Config = Field(default_factory=Config)


def read_file(snapshot: Snapshot) -> dict[str, TemplateSpec]:
    """The templates of that commit's `.catalyst.yaml` by type; empty when there is no such file. Raises InvalidTemplate."""
    text = snapshot.texts.get(FILE)
    if text is None:
        if FILE in snapshot.paths:
            raise InvalidTemplate(f"{FILE} is too large to be read: keep it below {MAX_LENGTH // 1024} KiB.")
        return {}
    content = load(text)
    if RULES in content and "templates" not in content:
        return {}
    templates = content.get("templates")
    if not isinstance(templates, dict):
        raise InvalidTemplate(
            f"{FILE} has no mapping `templates`: put `development:` with its settings below it. {HELP}"
        )
    return {str(key): parse_template(value, f"{FILE}, templates.{str(key)[:60]}") for key, value in templates.items()}


def parse_template(value: Any, where: str) -> TemplateSpec:
    """Raises InvalidTemplate, which says `where`."""
    if not isinstance(value, Mapping):
        raise InvalidTemplate(f"{where}: write settings such as `command:` and `port:` below it. {HELP}")
    try:
        return TemplateSpec.model_validate(value)
    except ValidationError as error:
        raise InvalidTemplate(f"{where}{first_mistake(error)} {HELP}") from error


def first_mistake(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = "".join(f".{part}" for part in first["loc"])
    return f"{place}: {first['msg'].removeprefix('Value error, ')}."


def load(text: str) -> dict[str, Any]:
    """The file's content. Raises InvalidTemplate, also for one that is too long, too deep, or has aliases."""
    if len(text) > MAX_LENGTH:
        raise InvalidTemplate(f"{FILE} is longer than {MAX_LENGTH // 1024} KiB: shorten it.")
    try:
        _check_shape(text)
        content = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InvalidTemplate(f"{FILE}{line}: {error.problem or 'not valid YAML'}. Correct the YAML there.") from error
    except (YAMLError, ValueError, RecursionError, OverflowError) as error:
        if isinstance(error, InvalidTemplate):
            raise
        raise InvalidTemplate(f"{FILE} is not valid YAML: {str(error)[:200]}. Correct it.") from error
    if not isinstance(content, dict):
        raise InvalidTemplate(f"{FILE} must be a mapping, such as `templates:` with its settings below. {HELP}")
    return content


def _check_shape(text: str) -> None:
    """Before anything is built from it: composing is recursive, and aliases make a small file a huge value."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1
            raise InvalidTemplate(f"{FILE}, line {line}: nested deeper than {MAX_DEPTH} levels; make it flatter.")
        if isinstance(event, AliasEvent):
            line = event.start_mark.line + 1
            raise InvalidTemplate(
                f"{FILE}, line {line}: aliases (`*{event.anchor[:40]}`) aren't allowed; write it out."
            )
