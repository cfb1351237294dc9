"""The guards on a real API server, tried with the tokens of two people who have rights in one environment namespace.

One has the owner's role, the other every right that there is in that namespace. What the role leaves out, RBAC refuses to
the first; everything else, and all that the second tries, is the guards'.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from activities.kinds import DEPLOYMENT, ENDPOINT_SLICE, ENVIRONMENT, POD, PROJECT, REPLICA_SET, namespace_ref
from activities.protocols import ClusterRefused, Kind, ObjectRef
from environments import labels
from environments.guarding import guarding_policies
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
)
from environments.owner_role import owner_binding_object, owner_role_object
from environments.permissions import RBAC
from gateways.cluster.errors import ClusterForbidden
from gateways.cluster.kubernetes import KubernetesCluster
from tests.gateways.accounts import token, with_token
from tests.gateways.attempts import (
    CONFIG_MAP,
    Case,
    World,
    deployment,
    ingress,
    pod_template,
    service,
    thing,
)
from tests.gateways.guarding_cases import ALLOWED, REFUSED, SOURCES
from tests.gateways.policies import installed
from tests.gateways.test_cluster import eventually

NETWORK = ClusterNetwork(pod_ranges=("10.244.0.0/16",), service_ranges=("10.0.0.0/24",), node_addresses=("192.0.2.1",))
POLICY = Kind("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy")
PEOPLE = ("owner", "mighty", "maker")


@pytest_asyncio.fixture(scope="session")
async def world(lone_resources: KubernetesCluster) -> AsyncIterator[World]:
    """One environment as a rollout leaves it, the guards, and people with rights in it."""
    resources, team = lone_resources, f"t{uuid.uuid4().hex[:8]}"
    world = World(resources, team, NamespaceName(f"{team}-shop-pr-7"), f"people-{team}")
    made = [*_environment(world), *_people(world)]
    for obj in made:
        await resources.apply(obj, manager=labels.MANAGER, force=True)
    async with installed(resources, guarding_policies("catalyst")):
        yield world
    for obj in reversed(made):
        if obj["kind"] in ("Namespace", "ClusterRole", "ClusterRoleBinding"):
            await resources.delete(ObjectRef(Kind(obj["apiVersion"], obj["kind"]), None, obj["metadata"]["name"]))


@pytest_asyncio.fixture(scope="session")
async def people(
    world: World, lone_kubeconfig: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, KubernetesCluster]]:
    """By name, each connected with a token of their own and nothing else."""
    async with AsyncExitStack() as stack:
        found = {}
        for name in PEOPLE:
            secret = await token(world.admin, world.people, name)
            cluster = await KubernetesCluster.connect(
                with_token(lone_kubeconfig, secret, tmp_path_factory.mktemp(name))
            )
            stack.push_async_callback(cluster.aclose)
            found[name] = cluster
        await eventually(lambda: _may(found["owner"], world.namespace))
        await eventually(lambda: _may(found["mighty"], world.namespace))
        yield found


@pytest.fixture(params=["owner", "mighty"])
def person(request: pytest.FixtureRequest, people: dict[str, KubernetesCluster]) -> KubernetesCluster:
    return people[request.param]


def _environment(world: World, namespace: NamespaceName | None = None) -> list[KubernetesObject]:
    identity = EnvironmentIdentity(team=world.team, project="shop", environment="pr-7")
    uid, key = EnvironmentUid("own"), EnvironmentKey(namespace=NamespaceName(f"{world.team}-shop"), name="pr-7")
    name = namespace or world.namespace
    home = environment_namespace_object(identity, name, uid, key, 1, "feature", f"{name}.localhost")
    guards = guard_objects(identity, name, uid, 1, NETWORK, PlatformAddress(), Quota())
    own = {labels.TEAM: world.team, labels.MANAGED_BY: labels.MANAGER, labels.UID: uid, labels.ROLLOUT: "1"}
    web = [deployment(), service(), ingress(f"{name}.localhost"), thing(POD) | pod_template()]
    named = [obj | {"metadata": {"namespace": name, "name": "web", "labels": own}} for obj in web]
    return [home, *guards, *named]


def _people(world: World) -> list[KubernetesObject]:
    role = owner_role_object()
    role["metadata"]["name"] = f"{role['metadata']['name']}-{world.team}"
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.people}},
        *(_account(world, name) for name in PEOPLE),
        role,
        _bound(world, "owner", role["metadata"]["name"]),
        _bound(world, "mighty", "cluster-admin"),
        *_may_make_namespaces(world),
    ]


def _account(world: World, name: str) -> KubernetesObject:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": world.people, "name": name}}


def _subject(world: World, name: str) -> dict[str, str]:
    return {"kind": "ServiceAccount", "namespace": world.people, "name": name}


def _bound(world: World, name: str, role: str) -> KubernetesObject:
    binding = owner_binding_object(world.namespace, _subject(world, name))
    reference = binding["roleRef"] | {"name": role}
    return binding | {"metadata": {"namespace": world.namespace, "name": name}, "roleRef": reference}


def _may_make_namespaces(world: World) -> list[KubernetesObject]:
    """What some clusters give everybody."""
    name, version = f"maker-{world.team}", f"{RBAC}/v1"
    rules = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["create", "get", "patch"]}]
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}
    head = {"apiVersion": version, "metadata": {"name": name}}
    binding = {"kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [_subject(world, "maker")]}
    return [head | {"kind": "ClusterRole", "rules": rules}, head | binding]


async def _may(cluster: KubernetesCluster, namespace: str) -> bool:
    """The API server takes a moment to load roles and bindings."""
    try:
        await cluster.list(CONFIG_MAP, namespace)
    except ClusterForbidden:
        return False
    return True


# --- people in a namespace ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.title)
class TestNobodyInANamespace:
    async def test_with_every_right(self, world: World, people: dict[str, KubernetesCluster], case: Case) -> None:
        with pytest.raises(ClusterRefused, match=f"catalyst guard: .*({case.refusal})"):
            await case.attempt(world, people["mighty"])

    async def test_with_the_owner_s_role(self, world: World, people: dict[str, KubernetesCluster], case: Case) -> None:
        refusal = f"catalyst guard: .*({case.refusal})" if case.is_granted else "cannot (create|patch|delete)"
        with pytest.raises(ClusterRefused, match=refusal):
            await case.attempt(world, people["owner"])


@pytest.mark.parametrize("case", ALLOWED, ids=lambda case: case.title)
async def test_what_is_an_owner_s_own_passes(world: World, person: KubernetesCluster, case: Case) -> None:
    await case.attempt(world, person)


async def test_an_ingress_waits_until_the_host_is_known(world: World, people: dict[str, KubernetesCluster]) -> None:
    """A namespace of an earlier version has no mark of it."""
    await world.admin.patch(namespace_ref(world.namespace), {"metadata": {"annotations": {labels.HOST: None}}})
    metadata = {"namespace": world.namespace, "name": "second"}
    wanted = ingress(world.host) | {"metadata": metadata}
    try:
        await eventually(lambda: _is_refused(people["owner"], wanted, "after its next rollout"))
    finally:
        change = {"metadata": {"annotations": {labels.HOST: world.host}}}
        await world.admin.patch(namespace_ref(world.namespace), change)
    await eventually(lambda: _is_made(people["owner"], wanted))


async def _is_refused(cluster: KubernetesCluster, wanted: KubernetesObject, words: str) -> bool:
    try:
        await cluster.apply(wanted, manager="test")
    except ClusterRefused as error:
        return words in str(error)
    return False


async def _is_made(cluster: KubernetesCluster, wanted: KubernetesObject) -> bool:
    try:
        return bool(await cluster.apply(wanted, manager="test"))
    except ClusterRefused:
        return False


# --- labels of others --------------------------------------------------------------------------------------------


async def test_a_template_with_another_team_s_label_makes_no_pods(
    world: World, people: dict[str, KubernetesCluster]
) -> None:
    """They would be made by a controller, which has every right and is no owner."""
    wanted = deployment({labels.TEAM: "other"})
    await people["owner"].create(wanted | {"metadata": {"namespace": world.namespace, "name": "disguised"}})
    said = await eventually(lambda: _why_not(world, "disguised"))
    assert f"the label {labels.TEAM} says 'other'" in said
    sets = await eventually(lambda: world.admin.list(REPLICA_SET, world.namespace))
    assert {each["metadata"]["ownerReferences"][0]["name"] for each in sets} == {"web"}


async def _why_not(world: World, name: str) -> str:
    """What the Deployment says of its failure."""
    stored = await world.admin.get(ObjectRef(DEPLOYMENT, world.namespace, name))
    conditions = stored.get("status", {}).get("conditions") or () if stored else ()
    return next((str(each["message"]) for each in conditions if "catalyst guard" in each.get("message", "")), "")


@pytest_asyncio.fixture
async def levels(world: World) -> AsyncIterator[tuple[str, str]]:
    """A team namespace and a project namespace of it."""
    team, project = f"{world.team}-{uuid.uuid4().hex[:6]}", f"{world.team}-{uuid.uuid4().hex[:6]}-shop"
    marks = {labels.TEAM: world.team, labels.MANAGED_BY: labels.MANAGER}
    own = {team: {labels.NAMESPACE_TYPE: "team"}, project: {labels.NAMESPACE_TYPE: "project", labels.PROJECT: "shop"}}
    for name, more in own.items():
        metadata = {"name": name, "labels": marks | more}
        await world.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield team, project
    for name in own:
        await world.admin.delete(namespace_ref(name))


async def test_resources_are_labelled_by_where_they_lie(world: World, levels: tuple[str, str]) -> None:
    """Whoever writes them, an administrator too."""
    team, project = levels
    spec = {"projectRef": {"name": "shop"}, "type": "development", "sources": []}
    of_project, of_environment = thing(PROJECT, spec={"sources": SOURCES}), thing(ENVIRONMENT, spec=spec)
    written = (
        (of_project, team, "shop", {labels.TEAM: "other"}, f"{labels.TEAM} says 'other'"),
        (of_project, team, "shop", {labels.PROJECT: "bank"}, "this is of the project 'shop'"),
        (of_environment, project, "pr-7", {labels.TEAM: "other"}, f"this is of the team '{world.team}'"),
        (of_environment, project, "pr-7", {labels.PROJECT: "bank"}, "this is of the project 'shop'"),
        (of_environment, project, "pr-7", {labels.ENVIRONMENT: "pr-8"}, "this is of the environment 'pr-7'"),
    )
    for obj, namespace, name, marks, refusal in written:
        metadata = {"namespace": namespace, "name": name, "labels": marks}
        with pytest.raises(ClusterRefused, match=f"catalyst guard: .*{refusal}"):
            await world.admin.create(obj | {"metadata": metadata})
    own = {labels.TEAM: world.team, labels.PROJECT: "shop"}
    await world.admin.create(of_project | {"metadata": {"namespace": team, "name": "shop", "labels": own}})
    own |= {labels.ENVIRONMENT: "pr-7"}
    await world.admin.create(of_environment | {"metadata": {"namespace": project, "name": "pr-7", "labels": own}})
    await world.admin.create(of_environment | {"metadata": {"namespace": project, "name": "plain"}})


async def test_who_may_make_namespaces_makes_none_of_catalyst_s(
    world: World, people: dict[str, KubernetesCluster]
) -> None:
    maker, name = people["maker"], f"made-{uuid.uuid4().hex[:8]}"
    false = _environment(world, NamespaceName(name))[0]
    false["metadata"]["annotations"][labels.HOST] = world.host
    await eventually(lambda: _may_make(maker))
    with pytest.raises(ClusterRefused, match="catalyst guard: .*say which team it belongs to"):
        await maker.create(false)
    await maker.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"a": "b"}}})
    for field in ("labels", "annotations"):
        with pytest.raises(ClusterRefused, match="catalyst guard: .*say which team it belongs to"):
            await maker.patch(namespace_ref(name), {"metadata": {field: false["metadata"][field]}})
    await maker.patch(namespace_ref(name), {"metadata": {"labels": {"a": "c"}}})
    await world.admin.delete(namespace_ref(name))


async def _may_make(maker: KubernetesCluster) -> bool:
    try:
        await maker.get(namespace_ref("default"))
    except ClusterForbidden:
        return False
    return True


# --- the cluster's own ------------------------------------------------------------------------------------------


async def test_controllers_work_in_a_guarded_namespace_and_clear_it(world: World) -> None:
    """With accounts of their own, as on any cluster: slices of a Service, pods of a Deployment, and then the end."""
    name = NamespaceName(f"{world.team}-cleared")
    for obj in _environment(world, name):
        await world.admin.apply(obj, manager=labels.MANAGER, force=True)
    await eventually(lambda: world.admin.list(ENDPOINT_SLICE, name))
    await eventually(lambda: world.admin.list(REPLICA_SET, name))
    await world.admin.delete(namespace_ref(name))
    await world.admin.delete(ObjectRef(POD, name, "web"), grace_seconds=0)
    await eventually(lambda: _is_gone(world, name))


async def _is_gone(world: World, name: str) -> bool:
    for pod in await world.admin.list(POD, name):
        await world.admin.delete(ObjectRef(POD, name, pod["metadata"]["name"]), grace_seconds=0)
    return await world.admin.get(namespace_ref(name)) is None


async def test_kubernetes_finds_nothing_wrong_with_the_expressions(world: World) -> None:
    """Its own check of types, which follows the kinds that a policy names."""

    async def looked_at() -> list[KubernetesObject]:
        found = [
            each for each in await world.admin.list(POLICY) if each["metadata"]["name"].startswith("catalyst-guard")
        ]
        return found if all("observedGeneration" in each.get("status", {}) for each in found) else []

    for policy in await eventually(looked_at):
        assert not policy["status"].get("typeChecking", {}).get("expressionWarnings"), policy["metadata"]["name"]
