"""The namespaces themselves: Pod Security, whose they are, and that they are there."""

from environments import labels
from environments.admission import (
    LABELS,
    NAME,
    Check,
    Policy,
    mark,
    quoted,
    rule,
    unchanged,
)
from environments.guarding.callers import IS_HELD, IS_PRODUCT, PREFIX
from environments.guarding.marks import BEFORE_AND_AFTER, BEGINNING, IS_OURS

NAMESPACES = Policy(
    name="catalyst-guard-namespaces",
    # No selector: of a Namespace it would take the labels that it is being given.
    match={"resourceRules": [rule("core", "namespaces namespaces/finalize namespaces/status", "UPDATE DELETE")]},
    conditions=IS_HELD | {"is-ours": f"{mark('oldObject', LABELS, labels.MANAGED_BY)} == {quoted(labels.MANAGER)}"},
    variables={"name": NAME},
    checks=(
        Check(
            "false",
            f"{PREFIX} the namespace {{name}} carries what keeps its environment inside (Pod Security, whose it is), so only "
            "Catalyst changes or deletes it: close the pull request to be rid of it.",
        ),
    ),
)


NAMESPACE_MARKS = Policy(
    # Who may make namespaces could otherwise make one that says it is another team's, with that one's host.
    name="catalyst-guard-namespace-marks",
    match={"resourceRules": [rule("core", "namespaces", "CREATE UPDATE")]},
    conditions={"is-not-the-product": f"!{IS_PRODUCT}"},
    variables=BEFORE_AND_AFTER,
    checks=(
        Check(
            f"{unchanged('variables.labels', 'variables.labelsBefore', IS_OURS)} && "
            f"{unchanged('variables.annotations', 'variables.annotationsBefore', IS_OURS)}",
            f"{PREFIX} labels and annotations {BEGINNING}… on a namespace say which team it belongs to, so only Catalyst "
            "writes them: leave them out.",
        ),
    ),
)
