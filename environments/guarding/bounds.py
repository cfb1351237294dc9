"""Quota, limits, and the service account that pods run as without being asked."""

from environments.admission import IN_ENVIRONMENTS, NAME, Check, Policy, rule
from environments.guarding.callers import IS_HELD, PREFIX

WRITES = "CREATE UPDATE DELETE"
BOUNDS = Policy(
    name="catalyst-guard-bounds",
    # A quota is judged by its status, so who writes that has another quota. A second LimitRange could refuse our own pods.
    match=IN_ENVIRONMENTS
    | {"resourceRules": [rule("core", "resourcequotas resourcequotas/status limitranges", WRITES, "Namespaced")]},
    conditions=IS_HELD,
    variables={"kind": "request.kind.kind"},
    checks=(
        Check(
            "false",
            f"{PREFIX} a {{kind}} keeps this environment in its bounds, so nobody in it writes one: ask whoever runs "
            "Catalyst for other bounds.",
        ),
    ),
)
DEFAULT_ACCOUNT = Policy(
    name="catalyst-guard-default-account",
    match=IN_ENVIRONMENTS | {"resourceRules": [rule("core", "serviceaccounts", "UPDATE DELETE", "Namespaced")]},
    conditions=IS_HELD | {"is-the-default": f"{NAME} == 'default'"},
    variables={},
    checks=(
        Check(
            # Deleted, it would come back without the mark, and every new pod would carry a token.
            "object != null && !object.?automountServiceAccountToken.orValue(true)",
            f"{PREFIX} the service account default stays, and without a token in pods, because previews run code that "
            "nobody has looked at: make an account of your own for a pod that needs one.",
        ),
    ),
)
