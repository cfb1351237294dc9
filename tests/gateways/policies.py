"""Admission policies of this checkout on a real API server, for as long as a test needs them."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from activities.protocols import ClusterRefused, Kind, ObjectRef
from environments.admission import NAME, Check, Policy, is_user, policy_objects, quoted, rule
from environments.model import KubernetesObject
from gateways.cluster.kubernetes import KubernetesCluster
from tests.gateways.test_cluster import eventually


@asynccontextmanager
async def installed(cluster: KubernetesCluster, policies: Sequence[KubernetesObject]) -> AsyncIterator[None]:
    """Under names of their own, so that a running platform's own stay as they are."""
    mark = f"-{uuid.uuid4().hex[:6]}"
    made = [renamed(obj, mark) for obj in (*policies, *policy_objects(_probe(await user_name(cluster), mark)))]
    for obj in made:
        await cluster.apply(obj, manager="test", force=True)
    # The API server learns of policies in the order of their making: once the last one bites, all do.
    await eventually(lambda: _bites(cluster, mark))
    yield
    for obj in made:
        await cluster.delete(ObjectRef(Kind(obj["apiVersion"], obj["kind"]), None, obj["metadata"]["name"]))


def renamed(obj: KubernetesObject, mark: str) -> KubernetesObject:
    spec = obj["spec"] | ({"policyName": obj["spec"]["policyName"] + mark} if "policyName" in obj["spec"] else {})
    return obj | {"metadata": obj["metadata"] | {"name": obj["metadata"]["name"] + mark}, "spec": spec}


async def user_name(cluster: KubernetesCluster) -> str:
    """Under which the API server knows the cluster's credential."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    answer = await cluster.transport.call("POST", path, what="who am I", body=body)
    return str(answer["status"]["userInfo"]["username"])


def _probe(user: str, mark: str) -> Policy:
    conditions = {"is-me": is_user(user), "is-the-probe": f"{NAME} == {quoted('probe' + mark)}"}
    match: dict[str, object] = {"resourceRules": [rule("core", "configmaps", "CREATE")]}
    return Policy("probe", match, conditions, {}, (Check("false", "It bites."),))


async def _bites(cluster: KubernetesCluster, mark: str) -> bool:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"probe{mark}"}}
    path = "/api/v1/namespaces/default/configmaps"
    try:
        await cluster.transport.call("POST", path, what="probe", query={"dryRun": "All"}, body=body)
    except ClusterRefused:
        return True
    return False
