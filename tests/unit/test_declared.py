"""A stored Environment as our values (design: rules 10 and 11)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments import labels
from environments.declared import override_object, parse_environment
from environments.model import EnvironmentKey, EnvironmentUid, EnvironmentVariable, KubernetesObject, NamespaceName
from environments.work import OverrideRequest

SHA = "0123456789abcdef0123456789abcdef01234567"
KEY = EnvironmentKey(namespace=NamespaceName("acme-shop"), name="pr-7")
UID = EnvironmentUid("u-1")
Held = tuple[str, dict[str, Any]]
"""Field manager, and the fields of the spec that it holds."""


def home(**changed: str) -> KubernetesObject:
    own = {labels.TEAM: "acme", labels.PROJECT: "shop", labels.NAMESPACE_TYPE: "project"} | changed
    return {"metadata": {"name": "acme-shop", "labels": own, "annotations": {labels.REPOSITORY: "gitea/12"}}}


def stored(spec: Any, *held: Held, **metadata: Any) -> KubernetesObject:
    managed = [{"manager": manager, "fieldsV1": {"f:spec": fields}} for manager, fields in held]
    return {
        "metadata": {"name": "pr-7", "uid": UID, "generation": 3, "managedFields": managed} | metadata,
        "spec": spec,
    }


def test_a_preview_as_a_pull_request_declares_it() -> None:
    source = {"name": "main", "commitSha": SHA.upper(), "branch": "feature", "prNumber": 7}
    spec = {"projectRef": {"name": "shop"}, "type": "development", "sources": [source], "retry": 2}
    found = parse_environment(stored(spec, annotations={labels.PULL_REQUEST: "gitea/12/7"}), home())
    assert (found.uid, found.generation, found.is_deleting) == (UID, 3, False)
    assert found.identity is not None
    assert (found.identity.team, found.identity.project, found.identity.environment) == ("acme", "shop", "pr-7")
    assert (found.sha, found.branch, found.pull_request_number, found.retry) == (SHA, "feature", 7, 2)
    assert found.pull_request is not None
    assert (found.pull_request.forge, found.pull_request.repository_id, found.pull_request.number) == ("gitea", 12, 7)
    assert found.notes == ()


def test_its_own_labels_say_nothing_about_whose_it_is() -> None:
    claimed = stored({}, labels={labels.TEAM: "victim", labels.PROJECT: "bank"})
    found = parse_environment(claimed, home())
    assert found.identity is not None
    assert found.identity.team == "acme"


@pytest.mark.parametrize(
    "changed",
    [{labels.NAMESPACE_TYPE: "environment"}, {labels.TEAM: ""}, {labels.TEAM: "other"}, {labels.TEAM: "kube-system"}],
)
def test_a_namespace_that_is_no_project_s_gives_no_identity(changed: dict[str, str]) -> None:
    assert parse_environment(stored({}), home(**changed)).identity is None


@pytest.mark.parametrize("sha", ["", "HEAD", "latest", "0123456", None, 7, SHA + "0"])
def test_only_a_full_sha_is_a_commit(sha: object) -> None:
    assert parse_environment(stored({"sources": [{"commitSha": sha}]}), home()).sha is None


def test_what_only_detection_holds_is_no_override() -> None:
    spec = {"devCommand": "npm run dev", "workdir": "web"}
    by_detection: Held = (labels.DETECTION_MANAGER, {"f:devCommand": {}, "f:workdir": {}})
    by_person: Held = ("kubectl-edit", {"f:workdir": {}})
    assert parse_environment(stored(spec, by_detection), home()).overrides.model_dump(exclude_defaults=True) == {}
    found = parse_environment(stored(spec, by_detection, by_person), home()).overrides
    assert (found.command, found.workdir) == (None, "web")


def test_config_is_read_in_both_spellings() -> None:
    config = {
        "image": "python:3.11",
        "ports": [{"containerPort": 8000}],
        "envVars": [{"name": "A", "value": "old"}, {"name": "B", "value": "1"}],
        "env": [{"name": "A", "value": "new"}],
    }
    found = parse_environment(stored({"config": config}), home()).overrides
    assert (found.image, found.port) == ("python:3.11", 8000)
    assert found.env == (EnvironmentVariable(name="A", value="new"), EnvironmentVariable(name="B", value="1"))


def test_what_makes_no_sense_is_ignored_with_a_note() -> None:
    config = {"ports": [{"containerPort": 0}], "env": [{"name": "A", "valueFrom": {}}]}
    found = parse_environment(stored({"devCommand": "", "config": config}), home())
    assert found.overrides.model_dump(exclude_defaults=True) == {}
    assert len(found.notes) == 3
    assert all(note.startswith("`spec.") for note in found.notes)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("projectRef", "type", "sources", "source", "retry", "devCommand", "workdir", "config")


@given(spec=ANYTHING | st.dictionaries(st.sampled_from(FIELDS), ANYTHING), config=ANYTHING)
def test_whatever_somebody_wrote_is_read_without_an_exception(spec: Any, config: Any) -> None:
    parse_environment(stored(spec), home())
    parse_environment(stored({"config": config, "sources": [config]}), home())
    parse_environment(stored({"config": {"env": config, "ports": [config], "envVars": config}}), home())


# --- override_object ---------------------------------------------------------------------------------------------


def override(request: OverrideRequest, before: KubernetesObject | None) -> Any:
    return override_object(KEY, UID, before, request.model_dump())["spec"]


def test_an_override_keeps_what_was_overridden_before() -> None:
    config = {"tag": "v1", "env": [{"name": "A", "value": "1"}, {"name": "THEIRS", "value": "2"}]}
    fields: dict[str, Any] = {"f:devCommand": {}, "f:config": {"f:tag": {}, "f:env": {'k:{"name":"A"}': {}}}}
    before = stored(
        {"devCommand": "make dev", "workdir": "theirs", "config": config}, (labels.OVERRIDE_MANAGER, fields)
    )
    assert override(OverrideRequest(port=8000, env={"B": "3"}), before) == {
        "devCommand": "make dev",
        "config": {
            "tag": "v1",
            "ports": [{"containerPort": 8000}],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}],
        },
    }


def test_an_empty_text_takes_an_override_back() -> None:
    before = stored({"devCommand": "make dev"}, (labels.OVERRIDE_MANAGER, {"f:devCommand": {}}))
    assert override(OverrideRequest(command=""), before) == {}


def test_a_reset_holds_nothing_any_more() -> None:
    assert override(OverrideRequest(reset=True), None) == {}


def test_what_was_overridden_reads_back_the_same() -> None:
    request = OverrideRequest(command="make dev", workdir="web", port=8000, env={"A": "1"}, image="a/b", tag="c")
    written = override_object(KEY, UID, None, request.model_dump())
    found = parse_environment(stored(written["spec"]), home()).overrides
    assert (found.command, found.workdir, found.port, found.image, found.tag) == ("make dev", "web", 8000, "a/b", "c")
    assert found.env == (EnvironmentVariable(name="A", value="1"),)
