"""Names hold the specification's rules for every input (FR-ENV-020, FR-ENV-021)."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments import names
from environments.model import EnvironmentKey, NamespaceName, PullRequestKey
from tests.corpora import corpus

COMPONENT = st.text(max_size=120).filter(lambda text: re.search("[a-zA-Z0-9]", text) is not None)
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def test_the_specifications_example_with_its_hash_put_right() -> None:
    name = names.namespace_name(
        "my-super-long-team-name", "my-super-long-project-name", "feature-very-long-branch-name"
    )
    assert name == "my-super-long-team-name-my-super-long-project-name-featur-f61d3"


def test_a_name_of_exactly_63_characters_is_kept_and_one_more_is_cut() -> None:
    assert names.namespace_name("a" * 63) == "a" * 63
    assert names.namespace_name("a" * 64).startswith("a" * 57 + "-")


def test_a_cut_that_ends_in_a_hyphen_drops_it() -> None:
    name = names.namespace_name("a" * 56, "b" * 20)
    assert re.fullmatch(r"a{56}-[0-9a-f]{5}", name)


def test_different_long_names_get_different_namespaces() -> None:
    assert names.namespace_name("a" * 70, "b") != names.namespace_name("a" * 70, "c")


@pytest.mark.parametrize("team", ["default", "kube-system", "Kube_Public", "catalyst-system", "catalyst"])
def test_names_that_kubernetes_or_the_platform_keeps_are_refused(team: str) -> None:
    with pytest.raises(names.InvalidName, match="keeps that name"):
        names.environment_namespace(team, "shop", "pr-1")


@pytest.mark.parametrize("component", ["", "---", "∂ß∂", "  "])
def test_a_component_without_letter_or_digit_is_refused(component: str) -> None:
    with pytest.raises(names.InvalidName, match="at least one"):
        names.namespace_name("team", component)


@given(st.lists(COMPONENT, min_size=1, max_size=3))
def test_every_namespace_is_a_dns_label(components: list[str]) -> None:
    assert DNS_LABEL.fullmatch(names.namespace_name(*components))


@given(COMPONENT)
def test_sanitising_twice_changes_nothing(component: str) -> None:
    assert names.sanitise(names.sanitise(component)) == names.sanitise(component)


@given(st.integers(1, 10**17))
def test_preview_names_and_numbers_are_a_pair(number: int) -> None:
    assert names.pull_request_number(names.preview_name(number)) == number


@pytest.mark.parametrize("name", ["staging", "pr-", "pr-0", "pr-01", "pr-1x", "xpr-1", "pr-1\n", "pr-٣"])
def test_other_environments_belong_to_no_pull_request(name: str) -> None:
    assert names.pull_request_number(name) is None


@given(st.sampled_from(["gitea", "github"]), st.integers(1, 10**17), st.integers(1, 10**17))
def test_pull_request_workflow_ids_are_a_pair(forge: str, repository: int, number: int) -> None:
    key = PullRequestKey(forge=forge, repository_id=repository, number=number)
    assert names.parse_pull_request_workflow_id(names.pull_request_workflow_id(key)) == key


@given(COMPONENT, COMPONENT)
def test_environment_workflow_ids_are_a_pair(project: str, environment: str) -> None:
    key = EnvironmentKey(namespace=names.namespace_name(project), name=names.namespace_name(environment))
    assert names.parse_environment_workflow_id(names.environment_workflow_id(key)) == key


def test_hosts_of_two_projects_with_one_number_differ() -> None:
    hosts = {names.host(NamespaceName(f"team-{project}-pr-12"), "localhost") for project in ("a", "b")}
    assert len(hosts) == 2


def test_the_truncation_vectors_of_others() -> None:
    vectors = json.loads((corpus("k8s-names") / "namespace-truncation-vectors.json").read_text())["vectors"]
    made = {vector["joined"]: names.namespace_name(*vector["components"]) for vector in vectors}
    # The vectors follow the specification to the letter; the design drops the hyphen that a cut ends in, and clean
    # components can hold two in a row nowhere else.
    assert made == {vector["joined"]: vector["expected"].replace("--", "-") for vector in vectors}


def test_whatever_kubernetes_validates_becomes_a_label_it_accepts_or_is_refused() -> None:
    labels = json.loads((corpus("k8s-names") / "validation-vectors.json").read_text())["dns1123_label"]
    for text in labels["valid"] + labels["invalid"]:
        if re.search("[a-zA-Z0-9]", text):
            assert DNS_LABEL.fullmatch(names.namespace_name(text))
        else:
            with pytest.raises(names.InvalidName):
                names.namespace_name(text)
