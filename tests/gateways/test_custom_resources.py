"""What we generate and render meets a real API server: the custom resources, their field managers, every method's objects."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from activities.kinds import NAMESPACE, environment_ref, namespace_ref
from activities.protocols import Cluster, ClusterConflict, ClusterRefused, ObjectRef
from environments import labels
from environments.declared import override_object, parse_environment
from environments.deployment import render
from environments.egress import DEFAULT, MOST_HOSTS, REGISTRIES, allowed_hosts
from environments.model import (
    CommitSha,
    DeploymentMethod,
    EnvironmentIdentity,
    EnvironmentKey,
    EnvironmentUid,
    KubernetesObject,
    NamespaceName,
    Phase,
)
from environments.report import EnvironmentReport, status_object
from environments.work import OverrideRequest
from tests.unit.test_deployment import METHODS, request_for
from tests.unit.test_egress import HOSTILE

SHA = CommitSha("0123456789abcdef0123456789abcdef01234567")


@pytest_asyncio.fixture
async def home(resources: Cluster) -> AsyncIterator[KubernetesObject]:
    """A project namespace for one test only."""
    team = f"t{uuid.uuid4().hex[:8]}"
    name = f"{team}-shop"
    own = {labels.TEAM: team, labels.PROJECT: "shop", labels.NAMESPACE_TYPE: "project"}
    metadata = {"name": name, "labels": own}
    yield await resources.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    await resources.delete(namespace_ref(name))


def environment(home: KubernetesObject, name: str = "pr-7") -> KubernetesObject:
    source = {"name": "main", "commitSha": SHA, "branch": "feature", "prNumber": 7}
    spec = {"projectRef": {"name": "shop"}, "type": "development", "sources": [source], "retry": 0}
    metadata = {"namespace": home["metadata"]["name"], "name": name}
    return {"apiVersion": labels.API_VERSION, "kind": "Environment", "metadata": metadata, "spec": spec}


def detected(stored: KubernetesObject, command: str) -> KubernetesObject:
    metadata = {key: stored["metadata"][key] for key in ("namespace", "name", "uid")}
    spec = {"devCommand": command}
    return {"apiVersion": labels.API_VERSION, "kind": "Environment", "metadata": metadata, "spec": spec}


async def test_an_override_wins_over_detection_and_outlives_it(resources: Cluster, home: KubernetesObject) -> None:
    stored = await resources.apply(environment(home), manager=labels.MANAGER)
    key = EnvironmentKey(namespace=NamespaceName(home["metadata"]["name"]), name="pr-7")
    uid = EnvironmentUid(stored["metadata"]["uid"])
    stored = await resources.apply(detected(stored, "npm run dev"), manager=labels.DETECTION_MANAGER)
    assert parse_environment(stored, home).overrides.command is None

    await resources.apply(override_object(key, uid, None, {}), manager=labels.DETECTION_MANAGER)
    request = OverrideRequest(command="make dev", env={"A": "1"}, port=8000)
    await resources.apply(override_object(key, uid, stored, request.model_dump()), manager=labels.OVERRIDE_MANAGER)
    with pytest.raises(ClusterConflict, match=labels.OVERRIDE_MANAGER):
        await resources.apply(detected(stored, "npm start"), manager=labels.DETECTION_MANAGER)
    kept = await resources.get(environment_ref(key))
    assert kept is not None
    more = override_object(key, uid, kept, OverrideRequest(env={"B": "2"}).model_dump())
    found = parse_environment(await resources.apply(more, manager=labels.OVERRIDE_MANAGER), home)
    assert (found.sha, found.overrides.command, found.overrides.port) == (SHA, "make dev", 8000)
    assert {each.name: each.value for each in found.overrides.env} == {"A": "1", "B": "2"}

    reset = await resources.apply(override_object(key, uid, None, {}), manager=labels.OVERRIDE_MANAGER)
    assert parse_environment(reset, home).overrides.model_dump(exclude_defaults=True) == {}


async def test_the_status_is_kept_as_it_was_reported(resources: Cluster, home: KubernetesObject) -> None:
    stored = await resources.apply(environment(home), manager=labels.MANAGER)
    key = EnvironmentKey(namespace=NamespaceName(home["metadata"]["name"]), name="pr-7")
    report = EnvironmentReport(uid=stored["metadata"]["uid"], phase=Phase.READY, sha=SHA, notes=("a note",), rollout=2)
    wanted = status_object(key, report)
    found = await resources.apply(wanted, manager=labels.MANAGER, force=True, subresource="status")
    assert {name: found["status"].get(name) for name in ("phase", "sha", "rollout", "notes")} == {
        "phase": "Ready",
        "sha": SHA,
        "rollout": 2,
        "notes": ["a note"],
    }


@pytest.mark.parametrize("name", ["a.b", "x" * 64])
async def test_a_name_that_can_t_be_part_of_a_host_is_refused(
    resources: Cluster, home: KubernetesObject, name: str
) -> None:
    with pytest.raises(ClusterRefused, match="host name"):
        await resources.apply(environment(home, name), manager=labels.MANAGER)


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_s_objects_are_taken_and_taken_again(resources: Cluster, method: DeploymentMethod) -> None:
    namespace = f"rendered-{uuid.uuid4().hex[:10]}"
    await resources.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    identity = EnvironmentIdentity(team="acme", project="shop", environment="pr-7")
    for rollout in (1, 2):
        changes = {"namespace": NamespaceName(namespace), "identity": identity, "rollout": rollout, "ca_bundle": "PEM"}
        for obj in render(request_for(method).model_copy(update=changes)):
            stored = await resources.apply(obj, manager=labels.MANAGER, force=True)
            assert stored["metadata"]["labels"][labels.ROLLOUT] == str(rollout)
    await resources.delete(ObjectRef(NAMESPACE, None, namespace))


def project_with(home: KubernetesObject, *hosts: str) -> KubernetesObject:
    spec = {"sources": [{"name": "main", "repositoryUrl": "http://forge/a/b.git", "branch": "main"}]}
    metadata = {"namespace": home["metadata"]["name"], "name": "shop"}
    egress = {"egress": {"allowedHosts": list(hosts)}}
    return {"apiVersion": labels.API_VERSION, "kind": "Project", "metadata": metadata, "spec": spec | egress}


async def test_approved_hosts_are_taken(resources: Cluster, home: KubernetesObject) -> None:
    for hosts in (
        (),
        (DEFAULT,),
        (DEFAULT, "api.example.com", "*.wild.example.org", "xn--bcher-kva.example"),
        REGISTRIES,
    ):
        stored = await resources.apply(project_with(home, *hosts), manager="people")
        assert allowed_hosts(stored, REGISTRIES) == allowed_hosts({"spec": stored["spec"]}, REGISTRIES)
        assert stored["spec"]["egress"]["allowedHosts"] == list(hosts)


@pytest.mark.parametrize("host", HOSTILE)
async def test_what_is_no_host_is_refused_with_a_sentence(
    resources: Cluster, home: KubernetesObject, host: str
) -> None:
    with pytest.raises(ClusterRefused, match=r"each is `default` .*a host like|Too long"):
        await resources.apply(project_with(home, "a.example.com", host), manager="people")


async def test_too_many_approved_hosts_are_refused(resources: Cluster, home: KubernetesObject) -> None:
    with pytest.raises(ClusterRefused, match="100"):
        hosts = [f"h{number}.example.com" for number in range(MOST_HOSTS + 1)]
        await resources.apply(project_with(home, *hosts), manager="people")
