"""What keeps one environment in its namespace: the namespace itself, quota, limits, network, no credentials.

Rule: the specification's "Isolation Features", design "Security". What others changed of it is repaired (design: rule 12).
"""

from ipaddress import IPv4Address, IPv4Network, collapse_addresses, ip_address, ip_network

from environments import labels, names
from environments.model import (
    ClusterNetwork,
    EnvironmentIdentity,
    EnvironmentKey,
    EnvironmentUid,
    KubernetesObject,
    NamespaceName,
    PlatformAddress,
    Quota,
    WayOut,
)

NAME = "catalyst-guard"
"""Of quota, limits and network policy alike: an owner sees at a glance what isn't theirs."""
DEFAULT_REQUEST = {"cpu": "25m", "memory": "64Mi", "ephemeral-storage": "64Mi"}
"""Of a container that names none; small, because previews idle most of the time and 20 must fit two cores."""
POD_SECURITY = "baseline"
NEVER_REACHED = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4")
"""Whatever the cluster says of itself: this host, loopback, link-local (cloud metadata), multicast."""
INGRESS_PORT_NAMES = ("http", "https", "web", "websecure")
"""What the usual ingress controllers call their public ports; the others (dashboards, metrics) stay closed."""
DEFAULT_PORTS = {"http": 80, "https": 443}


def environment_namespace_object(
    identity: EnvironmentIdentity,
    namespace: NamespaceName,
    uid: EnvironmentUid,
    resource: EnvironmentKey,
    rollout: int,
    branch: str,
    host: str,
) -> KubernetesObject:
    """The environment namespace with its fence at this rollout (design: rule 2), where its Environment lies, and its host."""
    levels = {f"pod-security.kubernetes.io/{mode}": POD_SECURITY for mode in ("enforce", "warn", "audit")}
    own = {labels.NAMESPACE_TYPE: "environment", labels.UID: uid} | _branch(branch) | levels
    annotations = {
        labels.FENCE: str(rollout),
        labels.RESOURCE: f"{resource.namespace}/{resource.name}",
        labels.HOST: host,
    }
    metadata = {"name": namespace, "labels": _identity(identity) | own, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def guard_objects(
    identity: EnvironmentIdentity,
    namespace: NamespaceName,
    uid: EnvironmentUid,
    rollout: int,
    network: ClusterNetwork,
    address: PlatformAddress,
    quota: Quota,
) -> list[KubernetesObject]:
    """Quota, limits, network policy and a service account without token. Raises ValueError for an address that is none."""
    own = {labels.UID: uid, labels.ROLLOUT: str(rollout), labels.COMPONENT: labels.GUARD}
    marks = _identity(identity) | own

    def guard(api_version: str, kind: str, name: str, **content: object) -> KubernetesObject:
        metadata = {"namespace": namespace, "name": name, "labels": marks}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata} | content

    return [
        guard("v1", "ResourceQuota", NAME, spec={"hard": _bounds(quota)}),
        guard("v1", "LimitRange", NAME, spec={"limits": [_defaults(quota)]}),
        guard("networking.k8s.io/v1", "NetworkPolicy", NAME, spec=_network_policy(network, address)),
        guard("v1", "ServiceAccount", "default", automountServiceAccountToken=False),
    ]


def _bounds(quota: Quota) -> dict[str, str]:
    return {
        "requests.cpu": quota.requests_cpu,
        "limits.cpu": quota.limits_cpu,
        "requests.memory": quota.requests_memory,
        "limits.memory": quota.limits_memory,
        "requests.storage": quota.storage,
        "limits.ephemeral-storage": quota.disk,
        "pods": str(quota.pods),
        # Either would open a way to the pods beside the ingress, on every node's own address.
        "services.nodeports": "0",
        "services.loadbalancers": "0",
    }


def _defaults(quota: Quota) -> dict[str, object]:
    """A quota on limits rejects every container that names none, so each gets these."""
    default = {"cpu": quota.default_cpu, "memory": quota.default_memory, "ephemeral-storage": quota.default_disk}
    return {"type": "Container", "default": default, "defaultRequest": DEFAULT_REQUEST}


def _network_policy(network: ClusterNetwork, address: PlatformAddress) -> dict[str, object]:
    """Naming both directions for all pods closes everything that no rule opens; IPv6 beyond the namespace stays closed."""
    return {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [_same_namespace("from"), *_with_peers("from", _from_ingress(network, address))],
        "egress": [
            _same_namespace("to"),
            _to_dns(),
            *_with_peers("to", _to_ingress(network, address)),
            _to_proxy(network.way_out) if network.way_out else _to_outside(network),
        ],
    }


def _with_peers(direction: str, rule: dict[str, object]) -> list[dict[str, object]]:
    # An empty list of peers would open the rule to everybody.
    return [rule] if rule[direction] else []


def _same_namespace(direction: str) -> dict[str, object]:
    return {direction: [{"podSelector": {}}]}


def _to_dns() -> dict[str, object]:
    peer = _namespace_peer("kube-system") | {"podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    return {"to": [peer], "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}


def _from_ingress(network: ClusterNetwork, address: PlatformAddress) -> dict[str, object]:
    if address.ingress_namespace is not None:
        return {"from": [_namespace_peer(address.ingress_namespace)]}
    return {"from": [_block(node) for node in _unique((*network.node_addresses, network.ingress_address))]}


def _to_ingress(network: ClusterNetwork, address: PlatformAddress) -> dict[str, object]:
    """An environment may fetch its own URL (specification, "URL Proxying")."""
    if address.ingress_namespace is not None:
        ports = [{"protocol": "TCP", "port": name} for name in INGRESS_PORT_NAMES]
        return {"to": [_namespace_peer(address.ingress_namespace)], "ports": ports}
    port = address.port or DEFAULT_PORTS[address.scheme]
    on_nodes = _unique((network.ingress_address,)) or _unique(network.node_addresses)
    return {"to": [_block(node) for node in on_nodes], "ports": [{"protocol": "TCP", "port": port}]}


def _to_proxy(way_out: WayOut) -> dict[str, object]:
    """The project's own port of the forward proxy, which lets out to approved hosts (docs/decisions/0015)."""
    return {"to": [_block(way_out.address)], "ports": [{"protocol": "TCP", "port": way_out.port}]}


def _to_outside(network: ClusterNetwork) -> dict[str, object]:
    """The internet, and nothing of the platform: what is closed comes from the cluster (design: Security)."""
    closed = (*NEVER_REACHED, *network.pod_ranges, *network.service_ranges, *network.node_addresses)
    blocks = collapse_addresses(block for block in map(_ipv4, closed) if block is not None)
    return {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": [str(block) for block in blocks]}}]}


def _namespace_peer(namespace: str) -> dict[str, object]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}


def _block(address: str) -> dict[str, object]:
    return {"ipBlock": {"cidr": str(ip_network(address))}}


def _ipv4(block: str) -> IPv4Network | None:
    network = ip_network(block, strict=False)
    return network if isinstance(network, IPv4Network) else None


def _unique(addresses: tuple[str | None, ...]) -> list[str]:
    found = {ip_address(address) for address in addresses if address is not None}
    return [str(address) for address in sorted(found, key=lambda a: (not isinstance(a, IPv4Address), int(a)))]


def _identity(identity: EnvironmentIdentity) -> dict[str, str]:
    return {
        labels.TEAM: identity.team,
        labels.PROJECT: identity.project,
        labels.ENVIRONMENT: identity.environment,
        labels.MANAGED_BY: labels.MANAGER,
    }


def _branch(branch: str) -> dict[str, str]:
    """None for a branch without a letter a-z or digit, which no label can say."""
    try:
        return {labels.BRANCH: names.namespace_name(branch)}
    except names.InvalidName:
        return {}
