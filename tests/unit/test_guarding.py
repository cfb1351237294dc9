"""The guards as values: what can be said of all of them. What each refuses is asked of a real API server (tests/gateways)."""

import re

import pytest

from environments import labels
from environments.admission import Policy, quoted, unchanged
from environments.guarding import GUARDS, guarding_policies
from environments.guarding.account import account_policies
from environments.guarding.callers import IS_HELD, IS_PRODUCT, PREFIX
from environments.guarding.ingresses import PATH
from environments.guarding.kinds import KINDS
from environments.owner_role import GRANTS, READ

ACCOUNT = "system:serviceaccount:catalyst-system:catalyst"
POLICIES = (*GUARDS, *account_policies(ACCOUNT))
HOLD_EVERYBODY = {"catalyst-guard-identity", "catalyst-guard-pods", "catalyst-guard-resources"}
NAME_ACCOUNTS = {"catalyst-guard-account", "catalyst-guard-account-namespaces"}


def test_every_policy_is_installed_and_denies() -> None:
    made = guarding_policies(ACCOUNT)
    policies = {obj["metadata"]["name"]: obj["spec"] for obj in made if obj["kind"] == "ValidatingAdmissionPolicy"}
    bindings = [obj["spec"] for obj in made if obj["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert set(policies) == {policy.name for policy in POLICIES} == {binding["policyName"] for binding in bindings}
    assert len(made) == 2 * len(POLICIES)
    assert all(spec["failurePolicy"] == "Fail" and spec["validations"] for spec in policies.values())
    assert all(binding["validationActions"] == ["Deny"] for binding in bindings)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
class TestEveryPolicy:
    def test_its_refusals_are_sentences_that_say_what_to_do(self, policy: Policy) -> None:
        for check in policy.checks:
            assert check.message.startswith(PREFIX) and check.message.endswith(".")
            assert ": " in check.message.removeprefix(PREFIX)
            assert set(re.findall(r"\{(\w+)\}", check.message)) <= set(policy.variables)

    def test_it_uses_only_variables_that_it_has(self, policy: Policy) -> None:
        for expression in (*(check.expression for check in policy.checks), *policy.variables.values()):
            assert set(re.findall(r"variables\.(\w+)", expression)) <= set(policy.variables)
        assert "variables." not in "".join(policy.conditions.values())

    def test_it_holds_whom_it_should(self, policy: Policy) -> None:
        if policy.name in HOLD_EVERYBODY:
            assert not policy.conditions
        elif policy.name == "catalyst-guard-namespace-marks":
            assert list(policy.conditions.values()) == [f"!{IS_PRODUCT}"]
        elif policy.name in NAME_ACCOUNTS:
            assert ACCOUNT in "".join(policy.conditions.values())
        else:
            assert IS_HELD.items() <= policy.conditions.items()


def test_what_the_owner_s_role_writes_is_what_the_guard_of_kinds_lets_through() -> None:
    excluded = KINDS.match["excludeResourceRules"]
    assert isinstance(excluded, list)
    passing = {(group, resource) for each in excluded for group in each["apiGroups"] for resource in each["resources"]}
    granted = {(each.group, resource) for each in GRANTS if each.verbs != READ for resource in each.resources}
    judged_elsewhere = {("", name) for name in ("resourcequotas", "resourcequotas/status", "limitranges")}
    assert passing - granted == judged_elsewhere | {("", "events"), ("events.k8s.io", "events")}
    assert granted <= passing


@pytest.mark.parametrize("path", ["/", "/api/v1", "/a-b_c.d~e", "/%20", "/@scope/+x:y"])
def test_a_plain_path_is_one(path: str) -> None:
    assert re.search(PATH, path)


@pytest.mark.parametrize(
    "path", ["/`) || Host(`b.c", "/a;b", "/a{b}", "/a b", "/a\nb", '/a"b', "/a'b", "/a\\b", "/(.*)", "a", ""]
)
def test_a_path_that_would_end_somebody_s_rule_is_none(path: str) -> None:
    assert not re.search(PATH, path)


def test_quotes_cannot_end_a_string_of_cel() -> None:
    assert quoted("a'b\\") == "'a\\'b\\\\'"


def test_what_was_added_changed_or_taken_away_counts_as_changed() -> None:
    assert unchanged("new", "old", "true") == (
        "new.all(k, !(true) || new[?k] == old[?k]) && old.all(k, !(true) || new[?k] == old[?k])"
    )
    assert labels.HOST.startswith("catalyst.dev/")
