"""The generated roles on a real API server: what the product does passes for an account that has nothing else, under the guards."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple, cast

import pytest
import pytest_asyncio
import yaml

from activities.egress import PORTS
from activities.kinds import CLAIM, NODE, POD, PROJECT, SERVICE_RANGE, VOLUME, namespace_ref
from activities.protocols import ClusterConflict, ClusterRefused, GatewayError, Kind, ObjectRef
from activities.teardown import MAKERS
from egress.follower import Follower
from environments import labels, permissions
from environments.deployment import render
from environments.egress import Proxy
from environments.guarding import guarding_policies
from environments.isolation import environment_namespace_object, guard_objects
from environments.model import (
    ClusterNetwork,
    DeploymentMethod,
    EnvironmentIdentity,
    EnvironmentKey,
    EnvironmentUid,
    KubernetesObject,
    NamespaceName,
    Phase,
    PlatformAddress,
    Quota,
)
from environments.project import project_object
from environments.report import EnvironmentReport, status_object
from gateways.cluster.errors import ClusterForbidden
from gateways.cluster.kubernetes import KubernetesCluster
from gateways.cluster.lease import hold_lease
from gateways.proxy.fake import InMemoryProxy
from tests.gateways.accounts import token, with_token
from tests.gateways.policies import installed
from tests.gateways.test_cluster import eventually
from tests.unit.test_deployment import METHODS, request_for
from tests.unit.test_policy import pull_request
from worker.watch import WATCHED

IDENTITY = EnvironmentIdentity(team="acme", project="shop", environment="pr-7")
UID = EnvironmentUid("u")
SOURCE = {"name": "main", "commitSha": "a" * 40, "branch": "feature", "prNumber": 7}
SPEC = {"projectRef": {"name": "shop"}, "type": "development", "sources": [SOURCE], "retry": 0}
SECRET, CONFIG_MAP = Kind("v1", "Secret"), Kind("v1", "ConfigMap")


class Product(NamedTuple):
    """A service account that is bound to the generated roles, in a home of its own."""

    cluster: KubernetesCluster
    home: str


@pytest_asyncio.fixture(scope="session")
async def product(
    lone_resources: KubernetesCluster, lone_kubeconfig: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Product]:
    home = f"home-{uuid.uuid4().hex[:10]}"
    made = [_moved(obj, home) for obj in _installed()]
    for obj in made:
        await lone_resources.apply(obj, manager="test")
    secret = await token(lone_resources, home, permissions.ACCOUNT)
    cluster = await KubernetesCluster.connect(with_token(lone_kubeconfig, secret, tmp_path_factory.mktemp("product")))
    await eventually(lambda: _may(cluster))
    guards = guarding_policies(f"system:serviceaccount:{permissions.HOME}:{permissions.ACCOUNT}")
    async with installed(lone_resources, [_moved(obj, home) for obj in guards]):
        yield Product(cluster, home)
    await cluster.aclose()
    for obj in reversed(made):
        ref = ObjectRef(Kind(obj["apiVersion"], obj["kind"]), obj["metadata"].get("namespace"), obj["metadata"]["name"])
        await lone_resources.delete(ref)


@pytest_asyncio.fixture
async def namespace(product: Product) -> AsyncIterator[str]:
    """An environment namespace for one test only, made by the product."""
    name = NamespaceName(f"permitted-{uuid.uuid4().hex[:10]}")
    key = EnvironmentKey(namespace=NamespaceName("acme-shop"), name="pr-7")
    await product.cluster.create(
        environment_namespace_object(IDENTITY, name, UID, key, 1, "feature", f"{name}.localhost")
    )
    yield name
    await product.cluster.delete(namespace_ref(name))


def _installed() -> list[KubernetesObject]:
    subject = permissions.service_account()
    accounts = [permissions.home_object(), permissions.account_object()]
    return [*accounts, *permissions.role_objects(), *permissions.binding_objects(subject)]


def _moved(obj: KubernetesObject, home: str) -> KubernetesObject:
    """With another home and other names, so that a running platform's own stay as they are."""
    text = yaml.safe_dump(obj).replace(permissions.HOME, home)
    return cast(KubernetesObject, yaml.safe_load(text.replace(permissions.NAME, f"{permissions.NAME}-{home}")))


async def _may(cluster: KubernetesCluster) -> bool:
    """The API server takes a moment to load roles and bindings."""
    with suppress(GatewayError):
        await cluster.list(NODE)
        return True
    return False


async def test_the_cluster_s_network_is_read(product: Product) -> None:
    for kind in (NODE, SERVICE_RANGE, VOLUME):
        await product.cluster.list(kind)
    await product.cluster.list(Kind("discovery.k8s.io/v1", "EndpointSlice"), "default")


async def test_guards_are_made_and_repaired(product: Product, namespace: str) -> None:
    network = ClusterNetwork(pod_ranges=(), service_ranges=(), node_addresses=("10.0.0.1",))
    address = PlatformAddress()
    for rollout in (1, 2):
        for obj in guard_objects(IDENTITY, NamespaceName(namespace), UID, rollout, network, address, Quota()):
            stored = await product.cluster.apply(obj, manager=labels.MANAGER, force=True)
            assert stored["metadata"]["labels"][labels.ROLLOUT] == str(rollout)


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_s_objects_are_made_found_and_pruned(
    product: Product, namespace: str, method: DeploymentMethod
) -> None:
    changes = {"namespace": NamespaceName(namespace), "identity": IDENTITY, "ca_bundle": "PEM"}
    request = request_for(method).model_copy(update=changes)
    made = [await product.cluster.apply(obj, manager=labels.MANAGER, force=True) for obj in render(request)]
    found = await product.cluster.list_all(namespace, {labels.UID: request.uid})
    assert {obj["metadata"]["uid"] for obj in made} <= {obj["metadata"]["uid"] for obj in found}
    for obj in made:
        ref = ObjectRef(Kind(obj["apiVersion"], obj["kind"]), namespace, obj["metadata"]["name"])
        assert await product.cluster.delete(ref)


async def test_the_resources_are_declared_reported_on_and_let_go(product: Product, namespace: str) -> None:
    cluster, key = product.cluster, EnvironmentKey(namespace=NamespaceName(namespace), name="pr-7")
    resource = {"apiVersion": labels.API_VERSION, "kind": "Environment", "spec": SPEC}
    resource |= {"metadata": {"namespace": namespace, "name": "pr-7", "finalizers": [labels.FINALIZER]}}
    project = project_object(IDENTITY, pull_request())
    project["metadata"]["namespace"] = namespace
    await cluster.apply(project, manager=labels.MANAGER)
    stored = await cluster.apply(resource, manager=labels.MANAGER)
    status = status_object(key, EnvironmentReport(uid=stored["metadata"]["uid"], phase=Phase.READY))
    await cluster.apply(status, manager=labels.MANAGER, force=True, subresource="status")
    ref = ObjectRef(Kind(labels.API_VERSION, "Environment"), namespace, "pr-7")
    await cluster.delete(ref, uid=stored["metadata"]["uid"])
    await cluster.patch(ref, {"metadata": {"finalizers": None}})
    assert await cluster.get(ref) is None


@pytest.mark.parametrize("kind", [kind for kind, _ in WATCHED] + [POD, PROJECT], ids=lambda kind: kind.kind)
async def test_what_is_watched_may_be_watched(product: Product, kind: Kind) -> None:
    resource = await product.cluster.discovery.resource(kind)
    query = {"watch": "true", "timeoutSeconds": "1", "labelSelector": "no=such"}
    async with product.cluster.transport.stream(resource.path(None), what="watch", query=query, silence=30) as stream:
        # Who may not is told with a 403 before the stream begins.
        await stream.read()


async def test_the_egress_process_gives_ports_away(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = PORTS._replace(namespace=product.home)
    monkeypatch.setattr("egress.follower.PORTS", ports)
    monkeypatch.setattr("environments.egress.HOME", product.home)
    monkeypatch.setattr("egress.follower.home_object", lambda: _moved(permissions.home_object(), product.home))
    proxy, forward = Proxy(address="10.0.0.9", first_port=20000, ports=100, secret="s"), InMemoryProxy()
    follower = Follower(product.cluster, proxy, forward)
    await follower.sync()
    assert await product.cluster.get(ports) is not None and forward.outside is not None
    namespace = f"team-{uuid.uuid4().hex[:10]}"
    metadata = {"name": namespace, "labels": {labels.MANAGED_BY: labels.MANAGER}}
    await product.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    project = project_object(IDENTITY, pull_request())
    project["metadata"]["namespace"] = namespace
    await product.cluster.apply(project, manager=labels.MANAGER)
    await follower.sync()
    stored = await product.cluster.get(ports)
    assert stored is not None and int(stored["data"][f"{namespace}.shop"]) in forward.projects
    await product.cluster.delete(namespace_ref(namespace))


async def test_one_holds_the_lease(product: Product) -> None:
    for holder in ("one", "two"):
        async with hold_lease(product.cluster, product.home, "catalyst-watch", holder):
            pass


async def test_a_teardown_deletes_what_makes_pods_and_frees_what_is_held(product: Product, namespace: str) -> None:
    for kind in (*MAKERS, POD, CLAIM):
        await product.cluster.list(kind, namespace)
        assert not await product.cluster.delete(ObjectRef(kind, namespace, "none"))
    for kind in await _content(product.cluster):
        with pytest.raises(GatewayError, match="not found"):
            await product.cluster.patch(ObjectRef(kind, namespace, "none"), {"metadata": {"finalizers": None}})


async def test_a_pod_s_log_may_be_read(product: Product, namespace: str) -> None:
    with pytest.raises(GatewayError, match="not found"):
        async for _ in product.cluster.pod_log(namespace, "none", "web"):
            pass


async def test_what_may_lie_in_a_namespace_is_what_kubernetes_has(product: Product) -> None:
    """Nothing that this version doesn't know, and nothing left out but Secrets."""
    served = {
        (each.group, each.plural) for each in await product.cluster.discovery.content() if _is_builtin(each.group)
    }
    listed = {(each.group, each.resource) for each in permissions.CONTENT}
    assert (served - listed, listed - served) == ({("", "secrets")}, set())


async def test_a_secret_is_passed_over_and_nothing_else_is_open(
    product: Product, lone_resources: KubernetesCluster, namespace: str
) -> None:
    for kind in (SECRET, CONFIG_MAP):
        await lone_resources.create(
            {"apiVersion": "v1", "kind": kind.kind, "metadata": {"namespace": namespace, "name": "theirs"}}
        )
    found = await product.cluster.list_all(namespace, {})
    assert "theirs" in {obj["metadata"]["name"] for obj in found if obj["kind"] == "ConfigMap"}
    assert not [obj for obj in found if obj["kind"] == "Secret"]
    refused = [
        product.cluster.get(ObjectRef(SECRET, namespace, "theirs")),
        product.cluster.list(SECRET, "kube-system"),
        product.cluster.get(ObjectRef(Kind("coordination.k8s.io/v1", "Lease"), "kube-system", "kube-scheduler")),
        product.cluster.patch(ObjectRef(NODE, None, "any"), {"spec": {"unschedulable": True}}),
        product.cluster.list(Kind(f"{permissions.RBAC}/v1", "ClusterRole")),
        product.cluster.create(_powerful_role(namespace)),
    ]
    for call in refused:
        with pytest.raises(ClusterForbidden):
            await call


@pytest_asyncio.fixture
async def elsewhere(lone_resources: KubernetesCluster) -> AsyncIterator[str]:
    """A namespace that isn't Catalyst's."""
    name = f"elsewhere-{uuid.uuid4().hex[:10]}"
    await lone_resources.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    await lone_resources.delete(namespace_ref(name))


async def test_it_writes_nothing_where_it_isnt_at_home(
    product: Product, lone_resources: KubernetesCluster, elsewhere: str
) -> None:
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": elsewhere, "name": "theirs"}}
    await lone_resources.create(theirs)
    ref, cluster = ObjectRef(CONFIG_MAP, elsewhere, "theirs"), product.cluster
    command = f"/api/v1/namespaces/{elsewhere}/pods/any/exec"
    refused: list[Callable[[], Awaitable[object]]] = [
        lambda: cluster.create(theirs | {"metadata": {"namespace": elsewhere, "name": "ours"}}),
        lambda: cluster.create(theirs | {"metadata": {"namespace": product.home, "name": "ours"}}),
        lambda: cluster.patch(ref, {"data": {"a": "b"}}),
        lambda: cluster.delete(ref),
        lambda: cluster.transport.call("GET", command, what="exec", query={"command": "id", "stdout": "true"}),
    ]
    for call in refused:
        with pytest.raises(ClusterRefused, match="catalyst guard: .*environment namespaces of its own"):
            await call()
    assert await lone_resources.get(ref) is not None
    resource = {"apiVersion": labels.API_VERSION, "kind": "Environment", "spec": SPEC}
    await cluster.create(resource | {"metadata": {"namespace": elsewhere, "name": "pr-7"}})


async def test_it_touches_no_namespace_of_others_and_makes_none_unmarked(product: Product, elsewhere: str) -> None:
    cluster, bare = product.cluster, {"apiVersion": "v1", "kind": "Namespace"}
    refused: list[Callable[[], Awaitable[object]]] = [
        lambda: cluster.create(bare | {"metadata": {"name": f"{elsewhere}-more"}}),
        lambda: cluster.patch(namespace_ref(elsewhere), {"metadata": {"labels": {labels.MANAGED_BY: labels.MANAGER}}}),
        lambda: cluster.delete(namespace_ref(elsewhere)),
    ]
    for call in refused:
        with pytest.raises(ClusterRefused, match="catalyst guard: .*only namespaces with the label"):
            await call()
    with pytest.raises(ClusterConflict):
        # Its home, whoever comes first, is made without a mark; here it is there already.
        await cluster.create(bare | {"metadata": {"name": product.home}})


async def test_it_runs_workload_in_environment_namespaces_only_and_keeps_pod_security(
    product: Product, namespace: str
) -> None:
    cluster, name = product.cluster, f"upper-{uuid.uuid4().hex[:10]}"
    own = {labels.MANAGED_BY: labels.MANAGER, labels.NAMESPACE_TYPE: "project"}
    await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": own}})
    with pytest.raises(ClusterRefused, match="catalyst guard: .*environment namespaces of its own"):
        await cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": name, "name": "a"}})
    for level in ("privileged", None):
        change = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}}
        with pytest.raises(ClusterRefused, match="catalyst guard: .*at baseline or restricted"):
            await cluster.patch(namespace_ref(namespace), change)
    await cluster.delete(namespace_ref(name))


def _powerful_role(namespace: str) -> KubernetesObject:
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    metadata = {"namespace": namespace, "name": "all"}
    return {"apiVersion": f"{permissions.RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": rules}


def _is_builtin(group: str) -> bool:
    return "." not in group or group.endswith(".k8s.io") or group == permissions.CATALYST


async def _content(cluster: KubernetesCluster) -> list[Kind]:
    listed = {(each.group, each.resource) for each in permissions.CONTENT}
    return [each.kind for each in await cluster.discovery.content() if (each.group, each.plural) in listed]
