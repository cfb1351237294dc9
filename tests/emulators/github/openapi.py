"""Answers held against GitHub's own description of its API."""

import functools
import json
import re
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.protocols import Validator

from emulators.github.answers import Answer
from tests.corpora import corpus

Json = dict[str, Any]


@functools.cache
def description() -> Json:
    told: Json = json.loads((corpus("github-openapi") / "api.github.com.subset.json").read_text())
    return told


@functools.cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    """The more of a path is fixed, the earlier: a parameter may hold slashes, and would take the rest for itself."""
    paths = sorted(description()["paths"], key=lambda path: -len(re.sub(r"\{\w+\}", "", path)))
    found = []
    for path in paths:
        pattern = re.sub(r"\{(path|ref|branch)\}", "(.+)", path)
        found.append((re.compile(re.sub(r"\{\w+\}", "([^/]+)", pattern)), path))
    return found


def operation_of(answer: Answer) -> tuple[str, str] | None:
    """Method and path template; None for what the description doesn't have."""
    path = re.sub(r"^/repositories/\d+", "/repos/owner/name", answer.path)
    for pattern, template in _templates():
        if pattern.fullmatch(path) and answer.method.lower() in description()["paths"][template]:
            return answer.method, template
    return None


def problems(answer: Answer) -> list[str]:
    """What is wrong with one answer, in sentences. Also fields that GitHub doesn't have are wrong."""
    operation = operation_of(answer)
    if operation is None or answer.status in (304, 401, 403, 429, 404, 422, 400, 409, 405, 413):
        return [] if answer.status == 304 else _problems_of_error(answer) if answer.status >= 400 else []
    known = description()["paths"][operation[1]][operation[0].lower()]["responses"]
    if str(answer.status) not in known:
        return [f"{operation}: GitHub never answers {answer.status}, but {sorted(known)}"]
    validator = _validator(*operation, answer.status)
    if validator is None:
        return [f"{operation}: GitHub's {answer.status} has no body"] if answer.body else []
    return _told(f"{operation} {answer.status}", validator, json.loads(answer.body))


def _problems_of_error(answer: Answer) -> list[str]:
    body = json.loads(answer.body)
    wrong = {"message", "documentation_url"} - set(body) or set(body) - {
        "message",
        "documentation_url",
        "errors",
        "status",
    }
    return [f"{answer.method} {answer.path}: {sorted(wrong)} in an error"] if wrong else []


_MENDED: dict[tuple[str, str], Json] = {
    # The description's own copy of an installation wants an account that is a user and an enterprise at once.
    ("GET", "/app/installations"): {"type": "array", "items": {"$ref": "#/components/schemas/installation"}},
}


@functools.cache
def _validator(method: str, template: str, status: int) -> Validator | None:
    answer = description()["paths"][template][method.lower()]["responses"][str(status)]
    if "$ref" in answer:
        answer = description()["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    content = answer.get("content", {}).get("application/json")
    if content is None:
        return None
    schema = _MENDED.get((method, template)) or _strict(content["schema"])
    schema = schema | {"components": {"schemas": _schemas()}}
    return Draft202012Validator(schema, format_checker=FormatChecker(["date-time"]))


@functools.cache
def _schemas() -> Json:
    return {name: _strict(schema) for name, schema in description()["components"]["schemas"].items()}


def _strict(schema: Any, part: bool = False) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a type, and fields that no one names are refused."""
    if isinstance(schema, list):
        return [_strict(each, part) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: value if key in ("enum", "example", "default") else _inside(key, value) for key, value in schema.items()
    }
    if "properties" in schema and "additionalProperties" not in schema and not part:
        made["unevaluatedProperties"] = False
    return {"anyOf": [{"type": "null"}, made]} if made.pop("nullable", False) else made


def _inside(key: str, value: Any) -> Any:
    if key == "properties":
        return {name: _strict(each) for name, each in value.items()}
    return _strict(value, part=key in ("allOf",))


def webhook_problems(name: str, payload: Json) -> list[str]:
    """Of a payload, by GitHub's own webhook schemas; `name` is "event$action" or "event$event"."""
    return _told(name, _webhook_validator(name), payload)


@functools.cache
def _webhook_validator(name: str) -> Validator:
    told: Json = json.loads((corpus("github-webhooks") / "schema.json").read_text())
    schema = {"$ref": f"#/definitions/{name}", "definitions": {k: _plain(v) for k, v in told["definitions"].items()}}
    return Draft202012Validator(schema, format_checker=FormatChecker(["date-time"]))


def _plain(schema: Any) -> Any:
    """Without the `$schema` of each part, which would make them documents of their own."""
    return {key: value for key, value in schema.items() if key != "$schema"}


def _told(what: str, validator: Validator, value: Any) -> list[str]:
    errors = [error for error in validator.iter_errors(value) if not _is_a_deleted_fork(error)]
    return [f"{what}: at {'/'.join(map(str, error.absolute_path))}: {_deepest(error)}" for error in errors]


def _is_a_deleted_fork(error: Any) -> bool:
    """The description forgets that its repository is null then; the webhooks' schemas have it."""
    return [*error.absolute_path][-2:] == ["head", "repo"] and error.instance is None


def _deepest(error: Any) -> str:
    best = error
    while best.context:
        best = max(best.context, key=lambda each: len(each.absolute_path))
    return f"{'/'.join(map(str, best.absolute_path))} {best.message[:300]}"
