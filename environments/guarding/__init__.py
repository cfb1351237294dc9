"""The guards: what nobody with rights in an environment namespace can do there, held by the API server (docs/decisions/0014)."""

from environments.admission import policy_objects
from environments.guarding.account import account_policies
from environments.guarding.bounds import BOUNDS, DEFAULT_ACCOUNT
from environments.guarding.ingresses import INGRESSES
from environments.guarding.kinds import KINDS
from environments.guarding.marks import IDENTITY, MARKS, RESOURCES
from environments.guarding.namespaces import NAMESPACE_MARKS, NAMESPACES
from environments.guarding.network import NETWORK
from environments.guarding.pods import PODS
from environments.guarding.services import SERVICES
from environments.model import KubernetesObject

GUARDS = (
    BOUNDS,
    DEFAULT_ACCOUNT,
    NETWORK,
    INGRESSES,
    SERVICES,
    PODS,
    KINDS,
    MARKS,
    IDENTITY,
    RESOURCES,
    NAMESPACES,
    NAMESPACE_MARKS,
)


def guarding_policies(account: str) -> list[KubernetesObject]:
    """The policies and their bindings; `account`: user name under which API and worker write."""
    policies = (*GUARDS, *account_policies(account))
    return [made for policy in policies for made in policy_objects(policy)]
