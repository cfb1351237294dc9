"""Whom the guards hold: everybody whose right to a write comes from the namespace itself.

Whoever has the same right in all namespaces isn't held by rules about one of them: the product's account, administrators,
the cluster's own controllers under whatever name a distribution runs them. No binding in a namespace gives that.
"""

from environments.admission import quoted
from environments.permissions import CATALYST

PREFIX = "catalyst guard:"
"""How every refusal begins, so that callers can tell it from other refusals."""
VERBS = "{'CREATE': ['create'], 'UPDATE': ['update', 'patch'], 'DELETE': ['delete', 'deletecollection']}"
"""By what right each operation may have come in."""
EVERYWHERE = (
    f"{VERBS}[request.operation].exists(verb, authorizer.group(request.resource.group)"
    ".resource(request.resource.resource).subresource(request.?subResource.orValue(''))"
    ".namespace('').check(verb).allowed())"
)
IS_HELD = {
    # A node's rights come from an authorizer of its own, which knows no "in all namespaces".
    "is-no-node": "!('system:nodes' in request.userInfo.?groups.orValue([]))",
    "has-no-right-everywhere": f"!{EVERYWHERE}",
}
"""Conditions of a policy. Not for CONNECT, which has many verbs."""
IS_PRODUCT = (
    f"authorizer.group({quoted(CATALYST)}).resource('environments').subresource('status').namespace('')"
    ".check('patch').allowed()"
)
"""Who may say everywhere how environments stand: the product, whatever its account is called, and administrators."""
