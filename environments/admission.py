"""ValidatingAdmissionPolicies as values: what the API server itself judges a write by, in CEL, and the objects of it."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from environments import labels
from environments.model import KubernetesObject

API = "admissionregistration.k8s.io/v1"
IN_ENVIRONMENTS: dict[str, object] = {"namespaceSelector": {"matchLabels": {labels.NAMESPACE_TYPE: "environment"}}}
"""Of a policy's match: objects in environment namespaces. Never for Namespaces, which the selector takes by their own labels."""
ANNOTATIONS, LABELS = "annotations", "labels"
NAME = "(oldObject == null ? object : oldObject).metadata.?name.orValue('')"
"""CEL for the object's name. The request's own is empty when a whole collection is deleted."""


class Check(NamedTuple):
    expression: str
    """CEL over the policy's variables; true where the write may pass."""
    message: str
    """A sentence with {variables}, for whoever is refused."""


class Policy(NamedTuple):
    name: str
    match: dict[str, object]
    conditions: dict[str, str]
    """Name -> CEL: when not all hold, the checks aren't asked. They can't use the variables."""
    variables: dict[str, str]
    """Name -> CEL; each may use those before it."""
    checks: tuple[Check, ...]


def policy_objects(policy: Policy) -> list[KubernetesObject]:
    """The policy and its binding. What can't be evaluated is refused."""
    spec: dict[str, object] = {
        "failurePolicy": "Fail",
        "matchConstraints": policy.match,
        "matchConditions": _named(policy.conditions),
        "variables": _named(policy.variables),
        "validations": [
            {"expression": check.expression, "messageExpression": _text(check.message)} for check in policy.checks
        ],
    }
    binding: dict[str, object] = {"policyName": policy.name, "validationActions": ["Deny"]}
    return [
        _object(policy, "ValidatingAdmissionPolicy", {name: value for name, value in spec.items() if value}),
        _object(policy, "ValidatingAdmissionPolicyBinding", binding),
    ]


def rule(
    groups: str | Sequence[str],
    resources: str | Sequence[str],
    operations: str | Sequence[str],
    scope: str | None = None,
) -> dict[str, object]:
    """One of `resourceRules`; words apart from each other by spaces, `core` is the group without a name. `*` leaves
    subresources out, `*/*` has them too."""
    found: dict[str, object] = {
        "apiGroups": ["" if group == "core" else group for group in _words(groups)],
        "apiVersions": ["*"],
        "resources": _words(resources),
        "operations": _words(operations),
    }
    return found | ({"scope": scope} if scope else {})


def is_user(name: str) -> str:
    return f"request.userInfo.username == {json.dumps(name)}"


def mark(obj: str, field: str, name: str) -> str:
    """CEL for one label or annotation of `object`, `oldObject` or `namespaceObject`; empty where there is none."""
    return f"({obj} == null ? '' : {obj}.metadata.?{field}['{name}'].orValue(''))"


def marks(obj: str, field: str) -> str:
    """CEL for all labels or annotations."""
    return f"({obj} == null ? {{}} : {obj}.metadata.?{field}.orValue({{}}))"


def unchanged(new: str, old: str, which: str) -> str:
    """CEL: two mappings agree in the keys `k` for which `which` holds."""
    return " && ".join(f"{each}.all(k, !({which}) || {new}[?k] == {old}[?k])" for each in (new, old))


def one_of(value: str, among: Iterable[str]) -> str:
    """CEL: the value is one of these strings."""
    return f"{value} in [{', '.join(map(quoted, among))}]"


def quoted(text: str) -> str:
    """A string of CEL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _words(text: str | Sequence[str]) -> list[str]:
    return text.split() if isinstance(text, str) else list(text)


def _named(expressions: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "expression": cel} for name, cel in expressions.items()]


def _object(policy: Policy, kind: str, spec: dict[str, object]) -> KubernetesObject:
    metadata = {"name": policy.name, "labels": {labels.MANAGED_BY: labels.MANAGER}}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


def _text(message: str) -> str:
    """A sentence with {variables} as a CEL expression."""
    parts = re.split(r"\{(\w+)\}", message)
    texts = [f"string(variables.{part})" if i % 2 else json.dumps(part) for i, part in enumerate(parts)]
    return " + ".join(texts)
