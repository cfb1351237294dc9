"""What people set for an environment or for its project, what of it wins, and who is told to have set it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments import labels
from environments.declared import parse_environment
from environments.model import KubernetesObject
from environments.overriding import (
    MOST_TOLD,
    Overridden,
    environment_override,
    overridden,
    override_refusal,
    project_override,
    with_project,
)
from environments.work import OverrideRequest
from tests.unit.test_declared import home, stored

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONE = datetime(2026, 1, 1, 13, tzinfo=UTC)
BOB = {"by": "bob", "at": "2026-01-01T12:00:00Z"}
ADA = {"by": "ada", "at": "2026-01-01T13:00:00Z"}


def environment(spec: Any = None, held: Any = None, told: Any = None) -> KubernetesObject:
    return stored(
        spec or {},
        (labels.OVERRIDE_MANAGER, held or {}),
        namespace="acme-shop",
        resourceVersion="5",
        annotations={labels.OVERRIDDEN: told if isinstance(told, str) else json.dumps(told)},
    )


def project(overrides: Any = None, held: Any = None, told: Any = None) -> KubernetesObject:
    metadata = {
        "namespace": "acme",
        "name": "shop",
        "uid": "p-1",
        "resourceVersion": "5",
        "managedFields": [{"manager": labels.OVERRIDE_MANAGER, "fieldsV1": {"f:spec": {"f:overrides": held or {}}}}],
        "annotations": {labels.OVERRIDDEN: json.dumps(told)},
    }
    return {"metadata": metadata, "spec": {"sources": [], "overrides": overrides}}


def by_ada(request: OverrideRequest) -> dict[str, Any]:
    return request.model_copy(update={"by": "ada"}).model_dump()


def of_project(request: OverrideRequest, before: KubernetesObject) -> KubernetesObject:
    return project_override(before, "development", by_ada(request), ONE)


def told_of(own: KubernetesObject, whole: KubernetesObject | None = None) -> tuple[Overridden, ...]:
    return overridden(own, parse_environment(own, home()), whole)


def annotation(written: KubernetesObject) -> Any:
    return json.loads(written["metadata"]["annotations"][labels.OVERRIDDEN])


# --- what counts -------------------------------------------------------------------------------------------------


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


def test_a_tag_of_the_project_s_image_is_none_of_another_image() -> None:
    whole = project({"development": {"config": {"image": "acme/shop", "tag": "v2"}}})
    for own, expected in (
        ({}, ("acme/shop", "v2")),
        ({"image": "busybox"}, ("busybox", None)),
        ({"tag": "v3"}, ("acme/shop", "v3")),
    ):
        found = with_project(parse_environment(stored({"config": own}), home()), whole).overrides
        assert (found.image, found.tag) == expected


def test_another_type_is_not_meant() -> None:
    whole = project({"staging": {"devCommand": "make"}})
    assert with_project(parse_environment(stored({}), home()), whole).overrides.command is None


def test_without_a_project_nothing_changes() -> None:
    declared = parse_environment(stored({"devCommand": "make", "config": {"env": {"B": "1", "A": "2"}}}), home())
    assert with_project(declared, None) == declared, "or every environment would be rolled out anew"


def test_what_makes_no_sense_in_the_project_is_ignored_with_a_note() -> None:
    whole = project({"development": {"devCommand": "make", "config": {"ports": [{"containerPort": 0}]}}})
    found = with_project(parse_environment(stored({}), home()), whole)
    assert (found.overrides.command, found.overrides.port) == ("make", None)
    [note] = found.notes
    assert note.startswith("`spec.overrides.development.config.ports` of the Project is ignored: ")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(anything=ANYTHING)
def test_whatever_somebody_wrote_there_is_no_exception(anything: Any) -> None:
    declared = parse_environment(stored({}), home())
    for overrides in (
        anything,
        {"development": anything},
        {"development": {"devCommand": anything, "config": anything}},
    ):
        with_project(declared, project(overrides))
        of_project(OverrideRequest(port=1), project(overrides))
    for told in (anything, {"development": anything}, {"development": [anything]}, [anything]):
        told_of(environment({"devCommand": "x"}, told=told), project({"development": {"devCommand": "x"}}, told=told))
        of_project(OverrideRequest(port=1), project({"development": {}}, told=told))


# --- what is asked for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (OverrideRequest(), "Nothing to set"),
        (OverrideRequest(scope="project", reason="because"), "Nothing to set"),
        (OverrideRequest(port=70_000), "`spec.config.ports` can't be set to that: "),
        (OverrideRequest(env={"1 X": "secret"}), "can't be the name of a variable"),
        (OverrideRequest(command="x" * 5000), "`spec.devCommand` can't be set to that: "),
    ],
    ids=str,
)
def test_a_request_that_makes_no_sense_is_refused_in_a_sentence(request_: OverrideRequest, words: str) -> None:
    found = override_refusal(request_.model_dump())
    assert found is not None
    assert words in found and found.endswith(".") and "secret" not in found


@pytest.mark.parametrize(
    "request_", [OverrideRequest(reset=True), OverrideRequest(command=""), OverrideRequest(env={"A": ""})], ids=str
)
def test_taking_back_and_empty_variables_make_sense(request_: OverrideRequest) -> None:
    assert override_refusal(request_.model_dump()) is None


def test_what_was_set_for_the_project_before_stays_and_for_other_types_too() -> None:
    before = project(
        {"development": {"devCommand": "make dev", "workdir": "theirs"}, "staging": {"workdir": "web"}},
        {"f:development": {"f:devCommand": {}}, "f:staging": {"f:workdir": {}}},
        {"development": [BOB | {"fields": ["command"]}], "staging": [BOB | {"fields": ["workdir"]}]},
    )
    written = of_project(OverrideRequest(port=8000), before)
    assert written["spec"] == {
        "overrides": {
            "development": {"devCommand": "make dev", "config": {"ports": [{"containerPort": 8000}]}},
            "staging": {"workdir": "web"},
        }
    }
    assert annotation(written) == {
        "development": [BOB | {"fields": ["command"]}, ADA | {"fields": ["port"]}],
        "staging": [BOB | {"fields": ["workdir"]}],
    }


def test_it_is_written_onto_what_was_read_only() -> None:
    for written in (
        of_project(OverrideRequest(port=1), project()),
        environment_override(environment(), by_ada(OverrideRequest(port=1)), ONE),
    ):
        assert written["metadata"]["resourceVersion"] == "5"
        assert written["metadata"]["uid"] in ("p-1", "u-1")


def test_a_reset_takes_back_this_type_only() -> None:
    before = project(
        {"development": {"devCommand": "make dev"}, "staging": {"workdir": "web"}},
        {"f:development": {"f:devCommand": {}}, "f:staging": {"f:workdir": {}}},
        {"development": [BOB | {"fields": ["command"]}]},
    )
    written = of_project(OverrideRequest(reset=True), before)
    assert written["spec"] == {"overrides": {"staging": {"workdir": "web"}}}
    assert "annotations" not in written["metadata"]
    again = of_project(OverrideRequest(reset=True, command="x"), before)
    assert again["spec"]["overrides"]["development"] == {"devCommand": "x"}
    assert annotation(again)["development"] == [ADA | {"fields": ["command"]}]


def test_a_reset_of_what_others_edited_too_leaves_theirs_to_them() -> None:
    before = project({"development": {"devCommand": "make", "workdir": "web"}}, {"f:development": {"f:devCommand": {}}})
    edit: dict[str, Any] = {"f:spec": {"f:overrides": {"f:development": {"f:workdir": {}}}}}
    before["metadata"]["managedFields"].append({"manager": "kubectl-edit", "fieldsV1": edit})
    assert of_project(OverrideRequest(reset=True), before)["spec"] == {"overrides": {"development": {}}}


def test_a_reset_of_everything_leaves_nothing_behind() -> None:
    alone = project({"development": {"devCommand": "make dev"}}, {"f:development": {"f:devCommand": {}}})
    emptied = of_project(OverrideRequest(reset=True), alone)
    own = environment({"devCommand": "x"}, {"f:devCommand": {}}, [BOB | {"fields": ["command"]}])
    for written in (emptied, environment_override(own, by_ada(OverrideRequest(reset=True)), ONE)):
        assert (written["spec"], "annotations" in written["metadata"]) == ({}, False)


# --- what is told ------------------------------------------------------------------------------------------------


def test_each_field_is_told_with_who_set_it_last() -> None:
    held: dict[str, Any] = {"f:devCommand": {}, "f:workdir": {}}
    before = environment(
        {"devCommand": "make", "workdir": "web"}, held, [BOB | {"fields": ["command", "workdir", "port"]}]
    )
    written = environment_override(before, by_ada(OverrideRequest(command="x", env={"KEY": "secret"})), ONE)
    assert annotation(written) == [BOB | {"fields": ["workdir"]}, ADA | {"fields": ["command", "env.KEY"]}]

    held |= {"f:config": {"f:env": {'k:{"name":"KEY"}': {}}}}
    own = environment(written["spec"], held, annotation(written))
    whole = project({"development": {"devCommand": "y"}}, {"f:development": {"f:devCommand": {}}})
    whole["metadata"]["annotations"][labels.OVERRIDDEN] = json.dumps({"development": [BOB | {"fields": ["command"]}]})
    found = told_of(own, whole)
    assert found == (
        Overridden(scope="project", fields=("command",), by="bob", at=NOON),
        Overridden(scope="environment", fields=("workdir",), by="bob", at=NOON),
        Overridden(scope="environment", fields=("command", "env.KEY"), by="ada", at=ONE),
    )
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    "told", ["", "{}", "{", '[{"by": 3}]', '[{"by": "x", "at": "2026-01-01", "fields": ["command"]}]']
)
def test_a_signature_that_cannot_be_read_is_nobody_s(told: str) -> None:
    [found] = told_of(environment({"devCommand": "x"}, {"f:devCommand": {}}, told))
    assert found == Overridden(scope="environment", fields=("command",))


def test_an_edit_by_hand_is_nobody_s_whoever_set_the_field_before() -> None:
    [found] = told_of(environment({"devCommand": "x"}, {}, [BOB | {"fields": ["command"]}]))
    assert found == Overridden(scope="environment", fields=("command",))


def test_of_many_variables_some_are_named_and_the_rest_counted() -> None:
    env = [{"name": f"V{number}", "value": ""} for number in range(MOST_TOLD + 7)]
    [found] = told_of(environment({"config": {"env": env}}))
    assert (len(found.fields), found.more) == (MOST_TOLD, 7)


def test_nothing_overridden_tells_nothing() -> None:
    assert told_of(environment(), project()) == ()
