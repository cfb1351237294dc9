"""Services: inside the cluster, and in front of this namespace's own pods."""

from environments.admission import IN_ENVIRONMENTS, Check, Policy, rule
from environments.guarding.callers import IS_HELD, PREFIX
from environments.guarding.ingresses import HARMLESS, only_harmless_annotations

SERVICES = Policy(
    name="catalyst-guard-services",
    match=IN_ENVIRONMENTS | {"resourceRules": [rule("core", "services", "CREATE UPDATE", "Namespaced")]},
    conditions=IS_HELD,
    variables={"type": "object.spec.?type.orValue('ClusterIP')"},
    checks=(
        Check(
            "!(variables.type in ['NodePort', 'LoadBalancer'])",
            f"{PREFIX} a Service of type {{type}} opens a way to the pods beside the ingress: leave the type out, and "
            "reach it through an Ingress or with kubectl port-forward.",
        ),
        Check(
            # A name can't be told to be outside: anybody's name server may answer with an address in here.
            "variables.type != 'ExternalName'",
            f"{PREFIX} a Service of type ExternalName makes the ingress fetch from wherever the name leads, also inside "
            "the platform: use the name itself in the application's configuration.",
        ),
        Check(
            # CVE-2020-8554, which Kubernetes itself doesn't close.
            "size(object.spec.?externalIPs.orValue([])) == 0",
            f"{PREFIX} externalIPs take traffic for addresses that may be somebody else's: leave them out, and reach the "
            "Service through an Ingress or with kubectl port-forward.",
        ),
        Check(
            only_harmless_annotations(),
            f"{PREFIX} controllers take orders from annotations, and some of those claim names: leave out what isn't one "
            f"of {', '.join(f'{each}…' for each in HARMLESS)} or without a prefix.",
        ),
    ),
)
