"""The generated CustomResourceDefinitions: current, structural, and taking what we and the original write."""

from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.crds.generate import texts
from environments import labels
from environments.crds import GROUP, VERSION, Environment, definitions
from environments.declared import override_object
from environments.model import EnvironmentKey, EnvironmentUid, NamespaceName, Phase
from environments.report import EnvironmentReport, status_object
from environments.work import OverrideRequest

KEY = EnvironmentKey(namespace=NamespaceName("acme-shop"), name="pr-7")


def schemas(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from schemas(inner, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from schemas(schema[inner], f"{path}[]")


def root(plural: str) -> dict[str, Any]:
    schema: dict[str, Any] = definitions()[plural]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def test_the_generated_files_are_current() -> None:
    stale = [file.name for file, text in texts().items() if not file.exists() or file.read_text() != text]
    assert stale == [], "run python -m deploy.crds.generate"


def test_the_files_say_what_the_models_say() -> None:
    loaded = [YAML(typ="safe", pure=True).load(text) for text in texts().values()]
    assert loaded == list(definitions().values())


@pytest.mark.parametrize("plural", ["environments", "projects"])
def test_every_part_of_the_schema_has_a_type_and_spec_is_bounded(plural: str) -> None:
    for path, schema in schemas(root(plural)):
        assert "type" in schema, path
        if not path.startswith(".spec"):
            continue
        if schema["type"] == "array":
            assert "maxItems" in schema, path
        if schema["type"] == "string":
            assert "maxLength" in schema or "enum" in schema, path


def test_the_specification_s_fields_are_there() -> None:
    properties = root("environments")["properties"]
    assert {"devCommand", "workdir", "retry", "sources", "projectRef", "config"} <= set(
        properties["spec"]["properties"]
    )
    assert {"env", "envVars", "image", "ports"} <= set(properties["spec"]["properties"]["config"]["properties"])
    assert properties["status"]["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]


def test_the_group_is_what_everything_else_writes() -> None:
    assert f"{GROUP}/{VERSION}" == labels.API_VERSION


def test_what_we_write_has_no_field_that_the_api_server_would_drop() -> None:
    request = OverrideRequest(command="a", workdir="b", port=1, env={"A": "1"}, image="c", tag="d")
    override = override_object(KEY, EnvironmentUid("u"), None, request.model_dump())
    status = status_object(KEY, EnvironmentReport(phase=Phase.READY, notes=("a",), reason="R"))
    assert unknown(root("environments"), override) == []
    assert unknown(root("environments"), status) == []
    Environment.model_validate({"spec": override["spec"] | {"projectRef": {"name": "shop"}, "type": "development"}})


def unknown(schema: dict[str, Any], value: Any, path: str = "") -> list[str]:
    """Fields of the value that the schema doesn't name."""
    if schema.get("x-kubernetes-preserve-unknown-fields") or path == ".metadata":
        return []
    if isinstance(value, list):
        return [each for item in value for each in unknown(schema["items"], item, f"{path}[]")]
    if not isinstance(value, dict):
        return []
    known = schema.get("properties", {})
    missing = [f"{path}.{name}" for name in value if name not in known]
    return missing + [
        each for name in value if name in known for each in unknown(known[name], value[name], f"{path}.{name}")
    ]
