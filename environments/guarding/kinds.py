"""Which kinds may be written at all: those of the owner's role.

Everything else that routes, opens or lends rights is closed by that, also what a vendor's definitions brought: routes of
Traefik and of the Gateway API, other engines' network policies, addresses behind a Service by hand (CVE-2021-25740), a
pod's status, which says its address. Teardown couldn't see them either (docs/decisions/0012).
"""

from environments.admission import IN_ENVIRONMENTS, Check, Policy, rule
from environments.guarding.callers import IS_HELD, PREFIX
from environments.owner_role import NAME, written

WRITES = "CREATE UPDATE"
PASSING = rule("core events.k8s.io", "events", WRITES, "Namespaced")
"""What everybody writes and nobody obeys."""
JUDGED_ELSEWHERE = rule("core", "resourcequotas resourcequotas/status limitranges", WRITES, "Namespaced")
"""With words of its own (BOUNDS)."""

KINDS = Policy(
    name="catalyst-guard-kinds",
    match=IN_ENVIRONMENTS
    | {
        "resourceRules": [rule("*", "*/*", WRITES, "Namespaced")],
        "excludeResourceRules": [
            *(rule([group], resources, WRITES, "Namespaced") for group, resources in written()),
            PASSING,
            JUDGED_ELSEWHERE,
        ],
    },
    conditions=IS_HELD,
    variables={
        "what": "request.resource.resource + (request.?subResource.orValue('') == '' ? '' : '/' + request.subResource)"
    },
    checks=(
        Check(
            "false",
            f"{PREFIX} {{what}} isn't among what is written by people in an environment's namespace (cluster role {NAME}), since it "
            "may route, open or lend what isn't theirs: use a Deployment, Service and Ingress, or ask whoever runs Catalyst.",
        ),
    ),
)
