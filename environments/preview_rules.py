"""Which pull requests of a project get a preview: `previews` of the base branch's `.catalyst.yaml`, and `spec.previews` of the
Project resource. A pull request can't loosen its own rules: what its head says of them is not read (issue 6)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from environments.catalyst_yaml import FILE, HELP, RULES, InvalidTemplate, first_mistake, load
from environments.model import KubernetesObject

MOST_PATTERNS = 50
LONGEST_PATTERN = 200
WORDS = {"on": "always", "true": "always", "off": "never", "false": "never"}

Pattern = Annotated[str, Field(min_length=1, max_length=LONGEST_PATTERN)]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _worded(value: Any) -> Any:
    """`on` and `off` are taken too; kubectl makes booleans of them."""
    return WORDS.get(str(value).lower(), value)


Patterns = Annotated[tuple[Pattern, ...], Field(max_length=MOST_PATTERNS), BeforeValidator(_listed)]
Switch = Annotated[Literal["always", "never", "on-request"], BeforeValidator(_worded)]


class PreviewRules(BaseModel):
    """What isn't set forbids nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    pull_requests: Switch = "always"
    """`on-request`: once somebody with write permission asks for it."""
    drafts: Switch = "always"
    branches: Patterns = ()
    """Base branches, as globs; empty: all."""
    require_labels: Patterns = ()
    """One of them."""
    forbid_labels: Patterns = ()
    watch: Patterns = ()
    """Paths that matter, as in .gitignore, `!` for those that don't; empty: all."""
    ignore_authors: Patterns = ()
    """Logins, as globs: `*[bot]` means what ends in `[bot]`."""


class ReadRules(NamedTuple):
    rules: PreviewRules
    note: str = ""
    """Why a part of what is written doesn't count; a sentence for the pull request."""


def read_rules(text: str | None, branch: str, project: KubernetesObject | None) -> ReadRules:
    """Field by field: `text`, the base branch's file, before the Project resource. Never raises: rules that can't be read take no
    preview away, and are told."""
    written: dict[str, Any] = {}
    notes: list[str] = []
    for where, content in ((_project(project)), _file(text, branch)):
        rules, note = _parsed(where, content)
        written |= rules.model_dump(exclude_unset=True)
        notes += [note] if note else []
    return ReadRules(PreviewRules.model_validate(written), " ".join(notes))


Source = tuple[str, Any]
"""Where it is written, and what: a mapping, None for nothing, or the error that reading it raised."""


def _project(project: KubernetesObject | None) -> Source:
    return f"Project resource, {RULES}", ((project or {}).get("spec") or {}).get(RULES)


def _file(text: str | None, branch: str) -> Source:
    where = f"{FILE} on {branch}"
    if text is None:
        return where, None
    try:
        return f"{where}, {RULES}", load(text).get(RULES)
    except InvalidTemplate as error:
        return where, error


def _parsed(where: str, content: Any) -> ReadRules:
    if content is None:
        return ReadRules(PreviewRules())
    if isinstance(content, InvalidTemplate):
        return ReadRules(PreviewRules(), f"The rules for previews on the base branch aren't counted: {content}")
    if not isinstance(content, Mapping):
        return ReadRules(PreviewRules(), f"{where}: write settings such as `drafts:` below it. {HELP}")
    try:
        return ReadRules(PreviewRules.model_validate(content))
    except ValidationError as error:
        return ReadRules(
            PreviewRules(), f"{where}{first_mistake(error)} Until it is corrected, none of it counts. {HELP}"
        )
