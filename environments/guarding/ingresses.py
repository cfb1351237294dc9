"""Ingresses: the environment's own host, and no other way to get requests that belong elsewhere."""

from environments import labels
from environments.admission import ANNOTATIONS, IN_ENVIRONMENTS, Check, Policy, mark, marks, quoted, rule
from environments.guarding.callers import IS_HELD, PREFIX

HARMLESS = ("app.kubernetes.io/", "helm.sh/", "kubectl.kubernetes.io/", "meta.helm.sh/", "prometheus.io/")
"""Beginnings of annotations that no ingress controller or name server acts on. Which ones do is an open list, and many of
those claim hosts: server-alias, host-aliases, external-dns' hostname, snippets of configuration."""
PATH = "^/[-A-Za-z0-9/._~%:@+]*$"
"""Controllers paste paths into rules and configuration of theirs: a backtick ends Traefik's (traefik/traefik#13227), a
semicolon or brace nginx's (CVE-2026-24512), and what follows may name any host."""
RULES = "object.spec.?rules.orValue([])"


def only_harmless_annotations() -> str:
    """CEL: those that were added or changed are harmless ones."""
    new, old = marks("object", ANNOTATIONS), marks("oldObject", ANNOTATIONS)
    known = " || ".join(f"key.startsWith({quoted(each)})" for each in HARMLESS)
    return f"{new}.all(key, !key.contains('/') || {known} || {new}[?key] == {old}[?key])"


INGRESSES = Policy(
    name="catalyst-guard-ingresses",
    match=IN_ENVIRONMENTS | {"resourceRules": [rule("networking.k8s.io", "ingresses", "CREATE UPDATE", "Namespaced")]},
    conditions=IS_HELD,
    variables={
        "host": mark("namespaceObject", ANNOTATIONS, labels.HOST),
        "hosts": f"{RULES}.map(rule, rule.?host.orValue(''))",
        "tls": "object.spec.?tls.orValue([])",
        "paths": f"{RULES}.map(rule, rule.?http.?paths.orValue([]).map(each, each.?path.orValue('/')))",
    },
    checks=(
        Check(
            "variables.host != ''",
            f"{PREFIX} it isn't known yet which host this environment has: try again after its next rollout.",
        ),
        Check(
            "!has(object.spec.defaultBackend)",
            f"{PREFIX} an Ingress with a default backend takes requests of every host that has no other: "
            "name the host {host} in a rule instead.",
        ),
        Check(
            "variables.hosts.all(host, host == variables.host)",
            f"{PREFIX} each rule of an Ingress here must name the host {{host}}, since every other is somebody else's: "
            "use that, with a path of its own for each Service.",
        ),
        Check(
            "variables.tls.all(each, each.?secretName.orValue('') == '' "
            "&& each.?hosts.orValue([]).all(host, host == variables.host))",
            f"{PREFIX} certificates are the platform's, since a controller shows one for every name that stands in it: "
            "leave out secretName, and hosts other than {host}.",
        ),
        Check(
            f"variables.paths.all(paths, paths.all(path, path.matches({quoted(PATH)})))",
            f"{PREFIX} a path may have letters, digits and -/._~%:@+ only, since controllers copy it into their own rules: "
            "use a plain one.",
        ),
        Check(
            only_harmless_annotations(),
            f"{PREFIX} controllers take orders from annotations, and some of those claim other hosts: leave out what isn't "
            f"one of {', '.join(f'{each}…' for each in HARMLESS)} or without a prefix.",
        ),
    ),
)
