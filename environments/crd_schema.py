"""From pydantic's JSON schema to Kubernetes' structural schema, which knows no references, nulls or titles."""

from typing import Any

from pydantic import WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

Schema = dict[str, Any]

KEPT = frozenset(
    {
        "type",
        "description",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "maxProperties",
        "minimum",
        "maximum",
        "pattern",
        "format",
        "enum",
    }
)


class _Keyed:
    """Annotation of a list: merged item by item on server-side apply, and each key once."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: Any) -> JsonSchemaValue:
        made: JsonSchemaValue = handler(schema)
        return made | {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]}


def keyed_by(key: str) -> Any:
    """For `Annotated[list[…], keyed_by("name")]`."""
    return _Keyed(key)


def preserved() -> Any:
    """For an object that is kept as it comes, because somebody else defines what is in it."""
    return WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})


def structural(schema: Schema) -> Schema:
    """Raises ValueError for a union, which no structural schema can say."""
    return _structural(schema, schema.get("$defs", {}))


def _structural(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    if reference := schema.get("$ref"):
        return _structural(definitions[reference.rsplit("/", 1)[-1]] | _without(schema, "$ref"), definitions)
    if choices := schema.get("anyOf"):
        some = [choice for choice in choices if choice.get("type") != "null"]
        if len(some) != 1:
            raise ValueError(f"a structural schema has no unions: {some}")
        return _structural(some[0] | _without(schema, "anyOf"), definitions)
    made = {key: value for key, value in schema.items() if key in KEPT or key.startswith("x-kubernetes-")}
    if made.get("additionalProperties") is False:
        del made["additionalProperties"]  # implied, and refused beside properties
    if "properties" in made:
        made["properties"] = {name: _structural(each, definitions) for name, each in made["properties"].items()}
    for inner in ("items", "additionalProperties"):
        if isinstance(made.get(inner), dict):
            made[inner] = _structural(made[inner], definitions)
    return made


def _without(schema: Schema, key: str) -> Schema:
    return {name: value for name, value in schema.items() if name != key}
