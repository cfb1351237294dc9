"""The fence on a real API server and on the in-memory cluster: one table of cases, the same words of refusal."""

import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from activities.protocols import Cluster, ClusterRefused, GatewayError, Kind, ObjectRef
from environments import labels
from environments.fencing import admission, fencing_policies
from environments.model import KubernetesObject
from gateways.cluster.fake import InMemoryCluster
from gateways.cluster.kubernetes import KubernetesCluster
from tests.gateways.policies import installed, user_name
from tests.gateways.test_cluster import eventually

NAMESPACE = Kind("v1", "Namespace")
CONFIG_MAP = Kind("v1", "ConfigMap")
ENVIRONMENT = Kind(labels.API_VERSION, "Environment")
DEFINITION = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
OWN, OTHER = "uid-own", "uid-other"


def namespace_object(name: str, fence: str | None, *, type_: str = "environment", uid: str = OWN) -> KubernetesObject:
    own = {labels.NAMESPACE_TYPE: type_, labels.UID: uid}
    annotations = {} if fence is None else {labels.FENCE: fence}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": own, "annotations": annotations},
    }


def object_of(namespace: str, rollout: str | None, *, uid: str = OWN, ours: bool = True) -> KubernetesObject:
    own = {labels.UID: uid} | ({labels.MANAGED_BY: labels.MANAGER} if ours else {})
    own |= {} if rollout is None else {labels.ROLLOUT: rollout}
    metadata = {"namespace": namespace, "name": "web", "labels": own}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"rollout": str(rollout)}}


class Case(NamedTuple):
    """An object of ours is written into a namespace whose fence stands somewhere."""

    title: str
    fence: str | None
    rollout: str | None
    stored: str | None = None
    """Rollout that wrote the object before; None: there is none yet."""
    uid: str = OWN
    ours: bool = True
    type_: str = "environment"
    refusal: str | None = None
    """What the refusal says; None: it passes."""


CASES = (
    Case("the newest rollout writes", "3", "3"),
    Case("it overwrites its own", "3", "3", stored="3"),
    Case("it overwrites an older one's", "3", "3", stored="2"),
    Case("a namespace without a fence lets everything in", None, "1"),
    Case("a fence that nobody can read counts as none", "soon", "1"),
    Case("numbers are compared as numbers", "9", "10", stored="9"),
    Case("somebody else's object passes", "3", None, uid=OTHER, ours=False),
    Case("another namespace than an environment's passes", "3", "1", uid=OTHER, type_="project"),
    Case(
        "an older rollout than the fence",
        "3",
        "2",
        refusal="rollout 2 may not write any more, since rollout 3 has begun.",
    ),
    Case(
        "an older rollout than the stored object's",
        None,
        "2",
        stored="3",
        refusal="rollout 2 may not overwrite what the newer rollout 3 wrote.",
    ),
    Case("an object without a number", "3", None, refusal="rollout 0 may not write any more"),
    Case("another environment's object", "3", "3", uid=OTHER, refusal="but the namespace belongs to environment"),
    Case("a namespace that is being deleted", labels.DELETING, "9", refusal="the environment is being deleted"),
)


class FenceCase(NamedTuple):
    """The namespace's own marks are changed."""

    title: str
    before: str | None
    after: str
    uid: str = OWN
    type_: str = "environment"
    refusal: str | None = None


FENCE_CASES = (
    FenceCase("it goes forward", "3", "4"),
    FenceCase("it is written again", "3", "3"),
    FenceCase("the first one is set", None, "1"),
    FenceCase("deletion begins", "3", labels.DELETING),
    FenceCase("deletion is said again", labels.DELETING, labels.DELETING),
    FenceCase("it never goes back", "10", "9", refusal="rollout 9 may not write any more, since rollout 10 has begun."),
    FenceCase("deletion is never taken back", labels.DELETING, "99", refusal="its namespace never leaves that state."),
    FenceCase("it is never given away", "3", "4", uid=OTHER, refusal="can't become that of 'uid-other'"),
    FenceCase("it stays an environment's", "3", "4", type_="team", refusal="can't become something else"),
)


class Fenced(NamedTuple):
    cluster: Cluster
    name: str
    """A namespace for one test only."""


@pytest_asyncio.fixture(scope="session")
async def fenced_real(real_cluster: KubernetesCluster) -> AsyncIterator[KubernetesCluster]:
    """The real cluster with policies for this very account, under names of their own: the platform's stay as they are."""
    async with installed(real_cluster, fencing_policies(await user_name(real_cluster))):
        yield real_cluster


@pytest.fixture(params=["fake", "real"])
def fenced_cluster(request: pytest.FixtureRequest) -> Cluster:
    if request.param == "fake":
        fake = InMemoryCluster()
        fake.admission = admission
        return fake
    real: KubernetesCluster = request.getfixturevalue("fenced_real")
    return real


@pytest_asyncio.fixture
async def fenced(fenced_cluster: Cluster) -> AsyncIterator[Fenced]:
    name = f"fencing-{uuid.uuid4().hex[:10]}"
    yield Fenced(fenced_cluster, name)
    await fenced_cluster.delete(ObjectRef(NAMESPACE, None, name))


async def _is_refused(write: Awaitable[Any]) -> bool:
    try:
        await write
    except ClusterRefused:
        return True
    return False


async def check(refusal: str | None, write: Callable[[], Awaitable[Any]]) -> None:
    if refusal is None:
        await write()
        return
    with pytest.raises(ClusterRefused, match=f"catalyst fence: .*{re.escape(refusal)}"):
        await write()


async def stored_before(fenced: Fenced, case: Case) -> None:
    """The namespace and the object as they were when the late attempt wakes up."""
    cluster, name = fenced
    first = case.stored if case.fence == labels.DELETING else case.fence
    await cluster.create(namespace_object(name, None if case.stored else first, type_=case.type_))
    if case.stored is not None:
        await cluster.create(object_of(name, case.stored))
    if case.fence == labels.DELETING:
        await _begin_deleting(cluster, name)
    elif case.fence is not None:
        await cluster.apply(namespace_object(name, case.fence, type_=case.type_), manager="catalyst", force=True)


async def _begin_deleting(cluster: Cluster, name: str) -> None:
    """Policies see a namespace by a watch of the API server's own, moments late: until they see it, writes get in. The product
    looks again for what came in so (design: rule 2)."""
    await cluster.apply(namespace_object(name, labels.DELETING), manager="catalyst", force=True)
    probe = object_of(name, "99")
    probe["metadata"]["name"] = "probe"
    await eventually(lambda: _is_refused(cluster.apply(probe, manager="probe", force=True)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
class TestObjects:
    async def test_server_side_apply(self, fenced: Fenced, case: Case) -> None:
        await stored_before(fenced, case)
        obj = object_of(fenced.name, case.rollout, uid=case.uid, ours=case.ours)
        await check(case.refusal, lambda: fenced.cluster.apply(obj, manager="catalyst", force=True))

    async def test_create_or_patch(self, fenced: Fenced, case: Case) -> None:
        await stored_before(fenced, case)
        obj = object_of(fenced.name, case.rollout, uid=case.uid, ours=case.ours)
        ref = ObjectRef(CONFIG_MAP, fenced.name, "web")
        patch = {"metadata": {"labels": obj["metadata"]["labels"]}, "data": obj["data"]}
        writing = fenced.cluster.patch(ref, patch) if case.stored else fenced.cluster.create(obj)
        await check(case.refusal, lambda: writing)


@pytest.mark.parametrize("case", FENCE_CASES, ids=lambda case: case.title)
async def test_the_fence_itself(fenced: Fenced, case: FenceCase) -> None:
    cluster, name = fenced
    await cluster.apply(namespace_object(name, case.before), manager="catalyst")
    after = namespace_object(name, case.after, uid=case.uid, type_=case.type_)
    await check(case.refusal, lambda: cluster.apply(after, manager="catalyst"))


async def test_the_mark_cannot_be_taken_off_to_get_past(fenced: Fenced) -> None:
    cluster, name = fenced
    await cluster.create(namespace_object(name, "3"))
    await cluster.create(object_of(name, "3"))
    patch = {"metadata": {"labels": {labels.MANAGED_BY: None, labels.ROLLOUT: "2"}}}
    await check("rollout 2", lambda: cluster.patch(ObjectRef(CONFIG_MAP, name, "web"), patch))


async def test_what_is_leaving_can_be_let_go_while_the_fence_says_deleting(fenced: Fenced) -> None:
    cluster, name = fenced
    ref = ObjectRef(CONFIG_MAP, name, "web")
    await cluster.create(namespace_object(name, "3"))
    held = object_of(name, "3")
    held["metadata"]["finalizers"] = ["catalyst.dev/finalizer"]
    await cluster.create(held)
    await _begin_deleting(cluster, name)
    await check("being deleted", lambda: cluster.patch(ref, {"metadata": {"finalizers": None}}))
    await cluster.delete(ref)
    await cluster.patch(ref, {"metadata": {"finalizers": None}})
    assert await cluster.get(ref) is None


async def test_an_older_decision_does_not_overwrite_a_newer_one(fenced: Fenced) -> None:
    cluster, name = fenced
    await _define_environments(cluster)
    await cluster.create(namespace_object(name, None, type_="project"))
    ref = ObjectRef(ENVIRONMENT, name, "pr-7")
    await cluster.apply(_environment(name, 2000), manager="catalyst")
    await cluster.apply(_environment(name, 2001), manager="catalyst")
    await check("decided at 1999", lambda: cluster.apply(_environment(name, 1999), manager="catalyst"))
    await check("decided at 0", lambda: cluster.patch(ref, {"metadata": {"annotations": None}}))
    # Not the product's own: a worker that runs on this cluster takes that off by itself.
    await cluster.patch(ref, {"metadata": {"finalizers": ["catalyst.dev/held-by-a-test"]}})
    await cluster.delete(ref)
    await cluster.patch(ref, {"metadata": {"finalizers": None}})
    assert await cluster.get(ref) is None


def _environment(namespace: str, decided_at: int) -> KubernetesObject:
    annotations = {labels.DECLARED_AT: str(decided_at)}
    metadata = {"namespace": namespace, "name": "pr-7", "annotations": annotations}
    source = {"name": "main", "commitSha": f"{decided_at:040x}", "branch": "change"}
    spec = {"projectRef": {"name": "shop"}, "type": "development", "sources": [source]}
    return {"apiVersion": labels.API_VERSION, "kind": "Environment", "metadata": metadata, "spec": spec}


async def _define_environments(cluster: Cluster) -> None:
    """A definition for this test alone where the platform's is not installed."""
    group, _, version = labels.API_VERSION.partition("/")
    ref = ObjectRef(DEFINITION, None, f"environments.{group}")
    if isinstance(cluster, InMemoryCluster) or await cluster.get(ref) is not None:
        return
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"plural": "environments", "singular": "environment", "kind": "Environment", "listKind": "EnvironmentList"}
    versions = [{"name": version, "served": True, "storage": True, "schema": schema}]
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": versions}
    definition = {"apiVersion": DEFINITION.api_version, "kind": DEFINITION.kind, "metadata": {"name": ref.name}}
    await cluster.apply(definition | {"spec": spec}, manager="test")

    async def is_served() -> bool:
        with suppress(GatewayError):
            await cluster.list(ENVIRONMENT)
            return True
        return False

    await eventually(is_served)
