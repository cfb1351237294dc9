"""Pods: everything else about them is Pod Security's, which holds by the namespace's labels."""

from environments.admission import IN_ENVIRONMENTS, Check, Policy, rule
from environments.guarding.callers import PREFIX

PODS = Policy(
    # Holds for everybody: a controller makes pods from a template that anybody may have written.
    name="catalyst-guard-pods",
    match=IN_ENVIRONMENTS | {"resourceRules": [rule("core", "pods", "CREATE", "Namespaced")]},
    conditions={},
    variables={"priority": "object.spec.?priorityClassName.orValue('')"},
    checks=(
        Check(
            "!variables.priority.startsWith('system-')",
            f"{PREFIX} the priority {{priority}} is the platform's, and a pod with it could push the platform's own pods off "
            "the node: leave priorityClassName out.",
        ),
    ),
)
