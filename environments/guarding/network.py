"""Network policies: what one opens, no other closes, so a second one must open nothing that the guard doesn't."""

from environments import labels
from environments.admission import IN_ENVIRONMENTS, LABELS, NAME, Check, Policy, mark, quoted, rule
from environments.guarding.callers import IS_HELD, PREFIX
from environments.isolation import NAME as GUARD

IS_GUARD = (
    f"{NAME} == {quoted(GUARD)} || {quoted(labels.GUARD)} in ["
    f"{mark('object', LABELS, labels.COMPONENT)}, {mark('oldObject', LABELS, labels.COMPONENT)}]"
)


def _stays_inside(direction: str, peers: str) -> str:
    """Every rule names its peers (none means everybody), and each is a pod of this namespace."""
    inside = "has(peer.podSelector) && !has(peer.namespaceSelector) && !has(peer.ipBlock)"
    listed = f"rule.?{peers}.orValue([])"
    return f"object.spec.?{direction}.orValue([]).all(rule, size({listed}) > 0 && {listed}.all(peer, {inside}))"


NETWORK = Policy(
    name="catalyst-guard-network",
    match=IN_ENVIRONMENTS
    | {"resourceRules": [rule("networking.k8s.io", "networkpolicies", "CREATE UPDATE DELETE", "Namespaced")]},
    conditions=IS_HELD,
    variables={
        "isGuard": IS_GUARD,
        "isInside": f"{_stays_inside('ingress', 'from')} && {_stays_inside('egress', 'to')}",
    },
    checks=(
        Check(
            "!variables.isGuard",
            f"{PREFIX} the network policy {GUARD} keeps other environments and this one apart, so nobody in it writes it: "
            "ask whoever runs Catalyst for another way out or in.",
        ),
        Check(
            "variables.isGuard || object == null || variables.isInside",
            f"{PREFIX} a network policy here may open connections among this namespace's own pods only, since what it opens "
            f"no other closes: let every rule name its peers, each by a podSelector alone.",
        ),
    ),
)
