"""What people set for an environment or for its project, what of it wins, and who is told to have set it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments import labels
from environments.declared import override_object, parse_environment
from environments.model import KubernetesObject
from environments.overriding import (
    Overridden,
    overridden,
    project_override_object,
    project_overrides,
    signature,
    signed,
    with_project,
)
from environments.work import OverrideRequest
from tests.unit.test_declared import KEY, UID, home, stored

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADA = signature("ada", NOON)


def project(overrides: Any = None, held: dict[str, Any] | None = None, told: Any = None) -> KubernetesObject:
    fields = {"f:spec": {"f:overrides": held or {}}}
    metadata = {
        "namespace": "acme",
        "name": "shop",
        "uid": "p-1",
        "managedFields": [{"manager": labels.OVERRIDE_MANAGER, "fieldsV1": fields}],
        "annotations": {labels.OVERRIDDEN: json.dumps(told)} if told else {},
    }
    return {"metadata": metadata, "spec": {"sources": [], **({"overrides": overrides} if overrides else {})}}


def of_project(request: OverrideRequest, before: KubernetesObject, type: str = "development") -> KubernetesObject:
    return project_override_object(before, type, request.model_dump(), ADA)


def test_the_environment_wins_field_by_field() -> None:
    own = stored({"devCommand": "npm start", "config": {"env": [{"name": "A", "value": "own"}]}})
    config = {
        "ports": [{"containerPort": 3000}],
        "env": [{"name": "A", "value": "project"}, {"name": "B", "value": "2"}],
    }
    whole = project({"development": {"devCommand": "make dev", "workdir": "web", "config": config}})
    found = with_project(parse_environment(own, home()), whole).overrides
    assert (found.command, found.workdir, found.port, found.image) == ("npm start", "web", 3000, None)
    assert {each.name: each.value for each in found.env} == {"A": "own", "B": "2"}


def test_another_type_is_not_meant() -> None:
    whole = project({"staging": {"devCommand": "make"}})
    assert with_project(parse_environment(stored({}), home()), whole).overrides.command is None


@given(
    spec=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda e: st.lists(e) | st.dictionaries(st.text(), e),
        max_leaves=5,
    )
)
def test_whatever_somebody_wrote_there_is_no_exception(spec: Any) -> None:
    for overrides in (spec, {"development": spec}, {"development": {"devCommand": spec, "config": spec}}):
        project_overrides(project(overrides), "development")
    overridden(
        stored({}), parse_environment(stored({}), home()), project({"development": {"devCommand": "x"}}, told=spec)
    )


def test_what_was_set_for_the_project_before_stays_and_for_other_types_too() -> None:
    before = project(
        {"development": {"devCommand": "make dev", "workdir": "theirs"}, "staging": {"workdir": "web"}},
        {"f:development": {"f:devCommand": {}}, "f:staging": {"f:workdir": {}}},
        {"staging": signature("bob", NOON)},
    )
    written = of_project(OverrideRequest(port=8000), before)
    assert written["spec"] == {
        "overrides": {
            "development": {"devCommand": "make dev", "config": {"ports": [{"containerPort": 8000}]}},
            "staging": {"workdir": "web"},
        }
    }
    told = json.loads(written["metadata"]["annotations"][labels.OVERRIDDEN])
    assert told == {"development": ADA, "staging": signature("bob", NOON)}
    assert written["metadata"]["uid"] == "p-1"


def test_a_reset_takes_back_this_type_only() -> None:
    before = project(
        {"development": {"devCommand": "make dev"}, "staging": {"workdir": "web"}},
        {"f:development": {"f:devCommand": {}}, "f:staging": {"f:workdir": {}}},
    )
    assert of_project(OverrideRequest(reset=True), before)["spec"] == {"overrides": {"staging": {"workdir": "web"}}}
    alone = project({"development": {"devCommand": "make dev"}}, {"f:development": {"f:devCommand": {}}})
    emptied = of_project(OverrideRequest(reset=True), alone)
    assert (emptied["spec"], "annotations" in emptied["metadata"]) == ({}, False)
    assert of_project(OverrideRequest(reset=True, command="x"), before)["spec"]["overrides"]["development"] == {
        "devCommand": "x"
    }


def test_who_and_when_are_told() -> None:
    request = OverrideRequest(command="npm start", env={"B": "secret", "A": "secret"})
    written = signed(override_object(KEY, UID, None, request.model_dump()), ADA)
    own = stored(written["spec"], annotations=written["metadata"]["annotations"])
    whole = project({"development": {"workdir": "web"}}, told={"development": signature("bob", NOON)})
    found = overridden(own, parse_environment(own, home()), whole)
    assert found == (
        Overridden(scope="project", fields=("workdir",), by="bob", at=NOON),
        Overridden(scope="environment", fields=("command", "B", "A"), by="ada", at=NOON),
    )
    assert "secret" not in str(found)


@pytest.mark.parametrize("told", ["", "[]", "{", '{"by": 3, "at": "yesterday"}', '{"at": "2026-01-01T12:00:00"}'])
def test_an_edit_by_hand_is_told_without_a_name(told: str) -> None:
    own = stored({"devCommand": "x"}, annotations={labels.OVERRIDDEN: told})
    [found] = overridden(own, parse_environment(own, home()), None)
    assert (found.fields, found.at) == (("command",), None)


def test_nothing_overridden_tells_nothing() -> None:
    assert overridden(stored({}), parse_environment(stored({}), home()), project()) == ()
    assert "annotations" not in signed(override_object(KEY, UID, None, {}), ADA)["metadata"]
