"""The product's own account: at home in what it made, so that neither a defect nor a stolen credential goes further.

Its cluster role names no namespaces, because they don't exist yet when it is given (docs/decisions/0012).
"""

from environments import labels
from environments.admission import LABELS, NAME, Check, Policy, is_user, mark, one_of, quoted, rule
from environments.egress import PORTS_NAME
from environments.guarding.callers import PREFIX
from environments.permissions import CATALYST, HOME

POD_SECURITY = "pod-security.kubernetes.io/enforce"
STRICT = ("baseline", "restricted")


def account_policies(account: str) -> tuple[Policy, ...]:
    conditions = {"is-our-account": is_user(account)}
    return (_objects(conditions), _namespaces(conditions))


def _objects(conditions: dict[str, str]) -> Policy:
    """Workload in environment namespaces of ours, the watcher's lease and the proxy's ports at home; our own kinds anywhere: people make an Environment
    wherever they like, and are told on it what is wrong with the place."""
    return Policy(
        name="catalyst-guard-account",
        match={"resourceRules": [rule("*", "*/*", "CREATE UPDATE DELETE CONNECT", "Namespaced")]},
        conditions=conditions,
        variables={
            "place": "request.namespace",
            "isOurs": f"{mark('namespaceObject', LABELS, labels.MANAGED_BY)} == {quoted(labels.MANAGER)}",
            "isEnvironment": f"{mark('namespaceObject', LABELS, labels.NAMESPACE_TYPE)} == 'environment'",
            "isHome": f"request.namespace == {quoted(HOME)} && (request.resource.resource == 'leases' || "
            f"request.resource.resource == 'configmaps' && {NAME} == {quoted(PORTS_NAME)})",
            "isOurKind": f"request.resource.group == {quoted(CATALYST)}",
        },
        checks=(
            Check(
                "variables.isHome || variables.isOurKind || variables.isOurs && variables.isEnvironment",
                f"{PREFIX} Catalyst's account writes only into environment namespaces of its own, and the namespace "
                "{place} is none: give whoever else uses this account one of their own.",
            ),
        ),
    )


def _namespaces(conditions: dict[str, str]) -> Policy:
    return Policy(
        name="catalyst-guard-account-namespaces",
        match={"resourceRules": [rule("core", "namespaces namespaces/*", "CREATE UPDATE DELETE")]},
        conditions=conditions,
        variables={
            "name": NAME,
            "before": mark("oldObject", LABELS, labels.MANAGED_BY),
            "after": mark("object", LABELS, labels.MANAGED_BY),
            "isHome": f"request.operation == 'CREATE' && variables.name == {quoted(HOME)}",
            "type": mark("object", LABELS, labels.NAMESPACE_TYPE),
            "level": mark("object", LABELS, POD_SECURITY),
        },
        checks=(
            Check(
                f"variables.isHome || (oldObject == null || variables.before == {quoted(labels.MANAGER)}) && "
                f"(object == null || variables.after == {quoted(labels.MANAGER)})",
                f"{PREFIX} Catalyst's account makes, changes and deletes only namespaces with the label {labels.MANAGED_BY}="
                f"{labels.MANAGER}, and {{name}} has it not: give whoever else uses this account one of their own.",
            ),
            Check(
                f"object == null || variables.type != 'environment' || {one_of('variables.level', STRICT)}",
                f"{PREFIX} the environment namespace {{name}} runs code that nobody has looked at: keep its label "
                f"{POD_SECURITY} at baseline or restricted, not at '{{level}}'.",
            ),
        ),
    )
