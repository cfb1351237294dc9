"""The objects that keep one environment in its namespace."""

from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from environments import labels
from environments.isolation import environment_namespace_object, guard_objects
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

IDENTITY = EnvironmentIdentity(team="team", project="shop", environment="pr-7")
NAMESPACE = NamespaceName("team-shop-pr-7")
UID = EnvironmentUid("u1")
HOST = "team-shop-pr-7.localhost"
NETWORK = ClusterNetwork(
    pod_ranges=("10.244.0.0/16", "fd00:1::/64"),
    service_ranges=("10.96.0.0/12",),
    node_addresses=("192.168.7.2", "192.168.7.3", "fd00:2::2"),
    ingress_address="192.168.7.2",
)
ADDRESS = PlatformAddress(port=8780)


def guards(
    network: ClusterNetwork = NETWORK, address: PlatformAddress = ADDRESS, quota: Quota | None = None
) -> dict[str, KubernetesObject]:
    made = guard_objects(IDENTITY, NAMESPACE, UID, 3, network, address, quota or Quota())
    return {obj["kind"]: obj for obj in made}


def egress_allows(policy: KubernetesObject, address: str, port: int) -> bool:
    """What a policy engine would say about a connection to an address outside the cluster's pods."""
    return any(
        _is_in(peer.get("ipBlock"), address) and _has_port(rule, port)
        for rule in policy["spec"]["egress"]
        for peer in rule["to"]
    )


def _is_in(block: dict[str, Any] | None, address: str) -> bool:
    if block is None or ip_address(address) not in ip_network(block["cidr"]):
        return False
    return not any(ip_address(address) in ip_network(hole) for hole in block.get("except", ()))


def _has_port(rule: dict[str, Any], port: int) -> bool:
    return "ports" not in rule or any(entry["port"] == port for entry in rule["ports"])


def test_the_namespace_says_whose_it_is_and_carries_its_fence() -> None:
    resource = EnvironmentKey(namespace=NamespaceName("team-shop"), name="pr-7")
    made = environment_namespace_object(
        IDENTITY, NAMESPACE, UID, resource, 3, "feature/Größe_1", "team-shop-pr-7.localhost"
    )
    assert made["metadata"] == {
        "name": "team-shop-pr-7",
        "labels": {
            "catalyst.dev/team": "team",
            "catalyst.dev/project": "shop",
            "catalyst.dev/environment": "pr-7",
            "catalyst.dev/managed-by": "catalyst",
            "catalyst.dev/namespace-type": "environment",
            "catalyst.dev/environment-uid": "u1",
            "catalyst.dev/branch": "feature-gr-e-1",
            "pod-security.kubernetes.io/enforce": "baseline",
            "pod-security.kubernetes.io/warn": "baseline",
            "pod-security.kubernetes.io/audit": "baseline",
        },
        "annotations": {
            "catalyst.dev/fence": "3",
            "catalyst.dev/environment-resource": "team-shop/pr-7",
            "catalyst.dev/host": HOST,
        },
    }


@given(st.text(max_size=300))
def test_every_branch_gives_a_label_that_kubernetes_takes(branch: str) -> None:
    resource = EnvironmentKey(namespace=NamespaceName("team-shop"), name="pr-7")
    made = environment_namespace_object(IDENTITY, NAMESPACE, UID, resource, 3, branch, HOST)
    value = made["metadata"]["labels"].get(labels.BRANCH, "x")
    assert 1 <= len(value) <= 63 and value.replace("-", "a").isalnum() and value.isascii()


def test_every_guard_is_marked_as_one() -> None:
    for obj in guards().values():
        own = obj["metadata"]["labels"]
        assert (own[labels.UID], own[labels.ROLLOUT], own[labels.COMPONENT]) == ("u1", "3", "guard")
        assert own[labels.MANAGED_BY] == labels.MANAGER
        assert obj["metadata"]["namespace"] == NAMESPACE


def test_a_container_without_limits_gets_the_ones_that_the_quota_asks_for() -> None:
    made = guards(quota=Quota(default_cpu="300m"))
    hard = made["ResourceQuota"]["spec"]["hard"]
    (limits,) = made["LimitRange"]["spec"]["limits"]
    assert limits["default"] == {"cpu": "300m", "memory": "512Mi", "ephemeral-storage": "2Gi"}
    for resource in ("cpu", "memory", "ephemeral-storage"):
        assert f"limits.{resource}" in hard and resource in limits["default"]
        assert f"requests.{resource}" in hard or resource == "ephemeral-storage"
        assert resource in limits["defaultRequest"]


def test_no_way_in_beside_the_ingress() -> None:
    hard = guards()["ResourceQuota"]["spec"]["hard"]
    assert hard["services.nodeports"] == hard["services.loadbalancers"] == "0"


def test_pods_get_no_token_unless_they_ask() -> None:
    account = guards()["ServiceAccount"]
    assert account["metadata"]["name"] == "default" and account["automountServiceAccountToken"] is False


def test_the_inside_of_the_platform_is_closed_and_the_outside_open() -> None:
    policy = guards()["NetworkPolicy"]
    assert policy["spec"]["podSelector"] == {} and policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    for inside in ("10.244.3.4", "10.96.0.1", "192.168.7.2", "192.168.7.3", "169.254.169.254", "127.0.0.1"):
        assert not egress_allows(policy, inside, 443), inside
    for outside in ("1.1.1.1", "192.168.7.4", "10.0.0.1"):
        assert egress_allows(policy, outside, 443), outside
    assert not egress_allows(policy, "2606:4700::1111", 443)


def test_with_a_proxy_the_only_way_out_is_its_projects_own_port() -> None:
    network = NETWORK.model_copy(update={"way_out": WayOut(address="192.168.7.3", port=20007)})
    policy = guards(network)["NetworkPolicy"]
    assert egress_allows(policy, "192.168.7.3", 20007)
    for address, port in (("192.168.7.3", 20008), ("192.168.7.3", 20000), ("192.168.7.2", 20007), ("1.1.1.1", 443)):
        assert not egress_allows(policy, address, port), (address, port)
    assert egress_allows(policy, "192.168.7.2", 8780), "its own URL"


def test_an_environment_reaches_its_own_url_and_nothing_else_on_that_node() -> None:
    policy = guards()["NetworkPolicy"]
    assert egress_allows(policy, "192.168.7.2", 8780)
    assert not egress_allows(policy, "192.168.7.2", 6443)
    assert not egress_allows(policy, "192.168.7.3", 8780)


def test_the_default_port_is_the_schemes() -> None:
    policy = guards(address=PlatformAddress(port=None, scheme="https"))["NetworkPolicy"]
    assert egress_allows(policy, "192.168.7.2", 443) and not egress_allows(policy, "192.168.7.2", 80)


def test_an_ingress_in_pods_is_let_in_by_its_namespace_only() -> None:
    policy = guards(address=PlatformAddress(ingress_namespace="traefik"))["NetworkPolicy"]
    peers = [peer for rule in policy["spec"]["ingress"] for peer in rule["from"]]
    named = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}}}
    assert peers == [{"podSelector": {}}, named]
    assert not egress_allows(policy, "192.168.7.2", 8780)


@given(
    st.lists(st.ip_addresses().map(str), max_size=3),
    st.none() | st.ip_addresses(v=4).map(str),
    st.sampled_from([None, "traefik"]),
)
def test_no_rule_is_open_to_everybody(nodes: list[str], ingress: str | None, namespace: str | None) -> None:
    network = ClusterNetwork(pod_ranges=(), service_ranges=(), node_addresses=tuple(nodes), ingress_address=ingress)
    policy = guards(network, PlatformAddress(ingress_namespace=namespace))["NetworkPolicy"]["spec"]
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for rule in policy[direction]:
            assert rule[side], "an empty list of peers lets everybody through"
            assert all(peer for peer in rule[side])
