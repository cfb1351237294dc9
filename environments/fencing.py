"""The fence (design: rule 2): what an attempt that woke up late may not write, held by the API server itself.

Each rule is said twice, in CEL for the ValidatingAdmissionPolicies and in Python for the in-memory cluster, side by side;
one table of cases runs on both (tests/gateways/test_fencing.py). Only our own account's writes are judged: controllers
and people update the same objects and must not be caught.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from environments import labels
from environments.admission import IN_ENVIRONMENTS, Check, Policy, is_user, mark, policy_objects
from environments.model import KubernetesObject

PREFIX = "catalyst fence:"
"""How every refusal begins, so that callers can tell it from other refusals."""
NUMBER = "[0-9]{1,18}"
"""Anything else counts as 0: more digits don't fit 64 bits."""

Facts = dict[str, str | int]


class Rule(NamedTuple):
    expression: str
    """In CEL over the fence's variables; true where the write may pass."""
    holds: Callable[[Facts], bool]
    """The same in Python."""
    message: str
    """A sentence with {variables}."""


class Fence(NamedTuple):
    """One ValidatingAdmissionPolicy."""

    name: str
    match: dict[str, object]
    conditions: dict[str, str]
    """Name -> CEL: when not all hold, the rules aren't asked."""
    variables: dict[str, str]
    """Name -> CEL; the rules' facts."""
    rules: tuple[Rule, ...]


def fencing_policies(account: str) -> list[KubernetesObject]:
    """The policies and their bindings; `account`: user name under which the worker writes."""
    return [made for fence in FENCES for made in policy_objects(_policy(fence, account))]


def admission(stored: KubernetesObject | None, new: KubernetesObject, namespace: KubernetesObject | None) -> str | None:
    """Why the API server would refuse this write of ours, or None (gateways.cluster.fake.Admission)."""
    fence, facts = _case(stored, new, namespace)
    if fence is None:
        return None
    broken = next((rule for rule in fence.rules if not rule.holds(facts)), None)
    return broken.message.format(**facts) if broken else None


def _policy(fence: Fence, account: str) -> Policy:
    conditions = {"is-our-account": is_user(account)} | fence.conditions
    checks = tuple(Check(rule.expression, rule.message) for rule in fence.rules)
    return Policy(fence.name, fence.match, conditions, fence.variables, checks)


# --- the rules ---------------------------------------------------------------------------------------------------


def _cel_number(variable: str) -> str:
    return f"variables.{variable}.matches('^{NUMBER}$') ? int(variables.{variable}) : 0"


OBJECTS = Fence(
    name="catalyst-fence-objects",
    match=IN_ENVIRONMENTS
    | {
        "resourceRules": [
            {
                "apiGroups": ["*"],
                "apiVersions": ["*"],
                "resources": ["*"],
                "operations": ["CREATE", "UPDATE"],
                "scope": "Namespaced",
            }
        ],
    },
    conditions={
        "is-ours": f"'{labels.MANAGER}' in ["
        f"{mark('object', 'labels', labels.MANAGED_BY)}, {mark('oldObject', 'labels', labels.MANAGED_BY)}]",
        # Teardown must be able to take a finalizer off what is leaving already.
        "is-not-leaving": "oldObject == null || !has(oldObject.metadata.deletionTimestamp)",
    },
    variables={
        "fence": mark("namespaceObject", "annotations", labels.FENCE),
        "floor": _cel_number("fence"),
        "label": mark("object", "labels", labels.ROLLOUT),
        "number": _cel_number("label"),
        "storedLabel": mark("oldObject", "labels", labels.ROLLOUT),
        "stored": _cel_number("storedLabel"),
        "uid": mark("object", "labels", labels.UID),
        "owner": mark("namespaceObject", "labels", labels.UID),
    },
    rules=(
        Rule(
            f"variables.fence != '{labels.DELETING}'",
            lambda facts: facts["fence"] != labels.DELETING,
            f"{PREFIX} the environment is being deleted, so nothing may be written into its namespace any more.",
        ),
        Rule(
            "variables.number >= variables.stored",
            lambda facts: int(facts["number"]) >= int(facts["stored"]),
            f"{PREFIX} rollout {{number}} may not overwrite what the newer rollout {{stored}} wrote.",
        ),
        Rule(
            "variables.number >= variables.floor",
            lambda facts: int(facts["number"]) >= int(facts["floor"]),
            f"{PREFIX} rollout {{number}} may not write any more, since rollout {{floor}} has begun.",
        ),
        Rule(
            "variables.uid == variables.owner",
            lambda facts: facts["uid"] == facts["owner"],
            f"{PREFIX} the object is of environment '{{uid}}', but the namespace belongs to environment '{{owner}}'.",
        ),
    ),
)
NAMESPACES = Fence(
    name="catalyst-fence-namespaces",
    match={
        "resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["namespaces"], "operations": ["UPDATE"]}
        ]
    },
    conditions={"is-environment": f"{mark('oldObject', 'labels', labels.NAMESPACE_TYPE)} == 'environment'"},
    variables={
        "fence": mark("object", "annotations", labels.FENCE),
        "number": _cel_number("fence"),
        "storedFence": mark("oldObject", "annotations", labels.FENCE),
        "stored": _cel_number("storedFence"),
        "uid": mark("object", "labels", labels.UID),
        "owner": mark("oldObject", "labels", labels.UID),
        "type": mark("object", "labels", labels.NAMESPACE_TYPE),
    },
    rules=(
        Rule(
            f"variables.storedFence != '{labels.DELETING}' || variables.fence == '{labels.DELETING}'",
            lambda facts: facts["storedFence"] != labels.DELETING or facts["fence"] == labels.DELETING,
            f"{PREFIX} the environment is being deleted, and its namespace never leaves that state.",
        ),
        Rule(
            f"variables.fence == '{labels.DELETING}' || variables.number >= variables.stored",
            lambda facts: facts["fence"] == labels.DELETING or int(facts["number"]) >= int(facts["stored"]),
            f"{PREFIX} rollout {{number}} may not write any more, since rollout {{stored}} has begun.",
        ),
        Rule(
            "variables.owner == '' || variables.uid == variables.owner",
            lambda facts: facts["owner"] in ("", facts["uid"]),
            f"{PREFIX} the namespace belongs to environment '{{owner}}' and can't become that of '{{uid}}'.",
        ),
        Rule(
            "variables.type == 'environment'",
            lambda facts: facts["type"] == "environment",
            f"{PREFIX} a namespace that is an environment's can't become something else.",
        ),
    ),
)
ENVIRONMENTS = Fence(
    name="catalyst-fence-environments",
    match={
        "resourceRules": [
            {
                "apiGroups": [labels.API_VERSION.partition("/")[0]],
                "apiVersions": ["*"],
                "resources": ["environments"],
                "operations": ["UPDATE"],
            }
        ]
    },
    conditions={},
    variables={
        "mark": mark("object", "annotations", labels.DECLARED_AT),
        "decided": _cel_number("mark"),
        "storedMark": mark("oldObject", "annotations", labels.DECLARED_AT),
        "stored": _cel_number("storedMark"),
    },
    rules=(
        Rule(
            "variables.decided >= variables.stored",
            lambda facts: int(facts["decided"]) >= int(facts["stored"]),
            f"{PREFIX} this was decided at {{decided}}, and what a newer decision at {{stored}} declared stays.",
        ),
    ),
)
FENCES = (OBJECTS, NAMESPACES, ENVIRONMENTS)


# --- the same facts in Python ------------------------------------------------------------------------------------


def _case(
    stored: KubernetesObject | None, new: KubernetesObject, namespace: KubernetesObject | None
) -> tuple[Fence | None, Facts]:
    """Which fence judges the write, None when none does."""
    if new["kind"] == "Namespace" and new["apiVersion"] == "v1":
        is_environment = _mark(stored, "labels", labels.NAMESPACE_TYPE) == "environment"
        return (NAMESPACES, _namespace_facts(stored, new)) if is_environment else (None, {})
    if (new["apiVersion"], new["kind"]) == (labels.API_VERSION, "Environment") and stored is not None:
        facts: Facts = {
            name: _number(_mark(obj, "annotations", labels.DECLARED_AT))
            for name, obj in (("decided", new), ("stored", stored))
        }
        return ENVIRONMENTS, facts
    return (OBJECTS, _object_facts(stored, new, namespace)) if _is_fenced(stored, new, namespace) else (None, {})


def _is_fenced(stored: KubernetesObject | None, new: KubernetesObject, namespace: KubernetesObject | None) -> bool:
    is_ours = labels.MANAGER in (_mark(obj, "labels", labels.MANAGED_BY) for obj in (new, stored))
    is_leaving = stored is not None and "deletionTimestamp" in stored["metadata"]
    return is_ours and not is_leaving and _mark(namespace, "labels", labels.NAMESPACE_TYPE) == "environment"


def _object_facts(stored: KubernetesObject | None, new: KubernetesObject, namespace: KubernetesObject | None) -> Facts:
    fence = _mark(namespace, "annotations", labels.FENCE)
    return {
        "fence": fence,
        "floor": _number(fence),
        "number": _number(_mark(new, "labels", labels.ROLLOUT)),
        "stored": _number(_mark(stored, "labels", labels.ROLLOUT)),
        "uid": _mark(new, "labels", labels.UID),
        "owner": _mark(namespace, "labels", labels.UID),
    }


def _namespace_facts(stored: KubernetesObject | None, new: KubernetesObject) -> Facts:
    fence, stored_fence = (_mark(obj, "annotations", labels.FENCE) for obj in (new, stored))
    return {
        "fence": fence,
        "number": _number(fence),
        "storedFence": stored_fence,
        "stored": _number(stored_fence),
        "uid": _mark(new, "labels", labels.UID),
        "owner": _mark(stored, "labels", labels.UID),
        "type": _mark(new, "labels", labels.NAMESPACE_TYPE),
    }


def _mark(obj: KubernetesObject | None, field: str, name: str) -> str:
    marks = (obj["metadata"].get(field) or {}) if obj else {}
    return str(marks.get(name, ""))


def _number(text: str) -> int:
    return int(text) if re.fullmatch(NUMBER, text) else 0
