"""Labels and annotations of ours: they say whose something is, and nobody takes another's."""

from environments import labels
from environments.admission import (
    ANNOTATIONS,
    IN_ENVIRONMENTS,
    LABELS,
    Check,
    Policy,
    mark,
    marks,
    quoted,
    rule,
    unchanged,
)
from environments.guarding.callers import IS_HELD, PREFIX
from environments.permissions import CATALYST

BEGINNING = "catalyst.dev/"
WRITES = "CREATE UPDATE"
IDENTITY_LABELS = {"team": labels.TEAM, "project": labels.PROJECT, "environment": labels.ENVIRONMENT}
EVERYTHING: dict[str, object] = {
    "resourceRules": [rule("*", "*", WRITES, "Namespaced")],
    "excludeResourceRules": [rule("core events.k8s.io", "events", WRITES, "Namespaced")],
}
IS_OURS = f"k.startsWith({quoted(BEGINNING)})"
IS_BOOKKEEPING = f"{IS_OURS} && !(k in [{', '.join(map(quoted, IDENTITY_LABELS.values()))}])"


BEFORE_AND_AFTER = {
    "labels": marks("object", LABELS),
    "labelsBefore": marks("oldObject", LABELS),
    "annotations": marks("object", ANNOTATIONS),
    "annotationsBefore": marks("oldObject", ANNOTATIONS),
}


def _whose(what: str, own: str) -> Check:
    return Check(
        f"variables.{what} in ['', variables.{what}Before, variables.{what}Own]",
        f"{PREFIX} the label {IDENTITY_LABELS[what]} says '{{{what}}}', but this is of the {what} '{{{what}Own}}': {own}",
    )


def _identity(own: dict[str, str]) -> dict[str, str]:
    """Facts about each label: what is written, what stood there, and what it ought to be (`own`, CEL)."""
    found: dict[str, str] = {}
    for what, expected in own.items():
        name = IDENTITY_LABELS[what]
        found |= {what: mark("object", LABELS, name), f"{what}Before": mark("oldObject", LABELS, name)}
        found[f"{what}Own"] = expected
    return found


MARKS = Policy(
    name="catalyst-guard-marks",
    match=IN_ENVIRONMENTS | EVERYTHING,
    conditions=IS_HELD,
    variables=BEFORE_AND_AFTER,
    checks=(
        Check(
            f"{unchanged('variables.labels', 'variables.labelsBefore', IS_BOOKKEEPING)} && "
            f"{unchanged('variables.annotations', 'variables.annotationsBefore', IS_OURS)}",
            f"{PREFIX} labels and annotations {BEGINNING}… are Catalyst's own bookkeeping, by which it prunes: leave them as "
            "they are on what Catalyst made, and out of what you make (kubectl expose copies them unless you give --labels).",
        ),
    ),
)
IDENTITY = Policy(
    # Holds for everybody: a controller makes pods with the labels of a template that anybody may have written.
    name="catalyst-guard-identity",
    match=IN_ENVIRONMENTS | EVERYTHING,
    conditions={},
    variables=_identity({what: mark("namespaceObject", LABELS, name) for what, name in IDENTITY_LABELS.items()}),
    checks=tuple(_whose(what, "write that, or leave the label out.") for what in IDENTITY_LABELS),
)
RESOURCES = Policy(
    # Holds for everybody too. A team's namespace names no project, and no namespace of theirs an environment.
    name="catalyst-guard-resources",
    match={
        "namespaceSelector": {
            "matchExpressions": [
                {"key": labels.NAMESPACE_TYPE, "operator": "In", "values": ["team", "project"]},
            ]
        },
        "resourceRules": [rule(CATALYST, "environments projects", WRITES, "Namespaced")],
    },
    conditions={},
    variables=_identity(
        {
            "team": mark("namespaceObject", LABELS, labels.TEAM),
            "project": f"request.kind.kind == 'Project' ? string(object.metadata.name) : {mark('namespaceObject', LABELS, labels.PROJECT)}",
            "environment": "request.kind.kind == 'Environment' ? string(object.metadata.name) : ''",
        }
    ),
    checks=tuple(
        _whose(what, "whose it is comes from where it lies, so write that, or leave the label out.")
        for what in IDENTITY_LABELS
    ),
)
