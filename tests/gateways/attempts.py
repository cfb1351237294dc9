"""How people try something in an environment namespace, for the tables of guarding_cases."""

import uuid
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from activities.kinds import DEPLOYMENT, namespace_ref
from activities.protocols import Kind, ObjectRef
from environments.isolation import NAME
from environments.model import KubernetesObject, NamespaceName
from gateways.cluster.kubernetes import KubernetesCluster
from tests.gateways.accounts import token

CONFIG_MAP, SECRET, SERVICE = Kind("v1", "ConfigMap"), Kind("v1", "Secret"), Kind("v1", "Service")
QUOTA, LIMITS, ACCOUNT = Kind("v1", "ResourceQuota"), Kind("v1", "LimitRange"), Kind("v1", "ServiceAccount")
NETWORK, INGRESS = Kind("networking.k8s.io/v1", "NetworkPolicy"), Kind("networking.k8s.io/v1", "Ingress")
OTHERS_HOST = "other-shop-pr-1.localhost"
Json = dict[str, Any]


class World(NamedTuple):
    admin: KubernetesCluster
    team: str
    namespace: NamespaceName
    """Of the environment that people have rights in."""
    people: str
    """Namespace of their accounts."""

    @property
    def host(self) -> str:
        return f"{self.namespace}.localhost"


Attempt = Callable[[World, KubernetesCluster], Coroutine[Any, Any, None]]
Made = KubernetesObject | Callable[[World], KubernetesObject]


class Case(NamedTuple):
    title: str
    attempt: Attempt
    refusal: str = ""
    """Words of the guard's sentence, as a pattern; empty: it passes."""
    is_granted: bool = True
    """By the owner's role; else RBAC refuses an owner before a guard is asked."""


# --- objects -----------------------------------------------------------------------------------------------------


def thing(kind: Kind, **content: Any) -> KubernetesObject:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {}} | content


def pod_template(**marks: str) -> Json:
    container = {"name": "app", "image": "busybox:1"}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    return {"metadata": {"labels": {"app": "web"} | marks}, "spec": spec}


def deployment(marks: dict[str, str] | None = None) -> KubernetesObject:
    template = pod_template(**(marks or {}))
    return thing(DEPLOYMENT, spec={"selector": {"matchLabels": {"app": "web"}}, "template": template})


def service(**spec: Any) -> KubernetesObject:
    return thing(SERVICE, spec={"selector": {"app": "web"}, "ports": [{"port": 80}]} | spec)


def ingress(host: str | None, path: str = "/", **spec: Any) -> KubernetesObject:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    # Of the path types it is the one that Kubernetes checks least.
    rule: Json = {"http": {"paths": [{"path": path, "pathType": "ImplementationSpecific", "backend": backend}]}}
    return thing(INGRESS, spec={"rules": [rule | ({"host": host} if host else {})]} | spec)


def own_ingress(path: str = "/", **spec: Any) -> Callable[[World], KubernetesObject]:
    return lambda world: ingress(world.host, path, **spec)


def network(**spec: Any) -> KubernetesObject:
    return thing(NETWORK, spec={"podSelector": {}} | spec)


def marked(obj: KubernetesObject, **metadata: dict[str, str]) -> KubernetesObject:
    """With `labels` or `annotations`."""
    return obj | {"metadata": metadata}


# --- attempts ----------------------------------------------------------------------------------------------------


def creates(made: Made) -> Attempt:
    async def attempt(world: World, person: KubernetesCluster) -> None:
        obj = made(world) if callable(made) else made
        place = {"namespace": world.namespace, "name": f"made-{uuid.uuid4().hex[:8]}"}
        await person.create(obj | {"metadata": obj["metadata"] | place})
        await world.admin.delete(ObjectRef(Kind(obj["apiVersion"], obj["kind"]), place["namespace"], place["name"]))

    return attempt


def patches(kind: Kind, name: str, change: Json, part: str = "") -> Attempt:
    async def attempt(world: World, person: KubernetesCluster) -> None:
        path = (await person.discovery.resource(kind)).path_of(world.namespace, name)
        await _patch(person, path + (f"/{part}" if part else ""), change)

    return attempt


def patches_namespace(change: Json, part: str = "") -> Attempt:
    async def attempt(world: World, person: KubernetesCluster) -> None:
        await _patch(person, f"/api/v1/namespaces/{world.namespace}{part}", change)

    return attempt


def deletes(kind: Kind, name: str) -> Attempt:
    async def attempt(world: World, person: KubernetesCluster) -> None:
        await person.delete(ObjectRef(kind, world.namespace, name))

    return attempt


def deletes_all(kind: Kind) -> Attempt:
    async def attempt(world: World, person: KubernetesCluster) -> None:
        path = (await person.discovery.resource(kind)).path(world.namespace)
        await person.transport.call("DELETE", path, what=f"delete every {kind.kind}")

    return attempt


async def makes_and_deletes(world: World, person: KubernetesCluster) -> None:
    ref = ObjectRef(CONFIG_MAP, world.namespace, f"made-{uuid.uuid4().hex[:8]}")
    await person.create(thing(CONFIG_MAP) | {"metadata": {"namespace": ref.namespace, "name": ref.name}})
    assert await person.delete(ref)


async def deletes_namespace(world: World, person: KubernetesCluster) -> None:
    await person.delete(namespace_ref(world.namespace))


async def asks_for_a_token(world: World, person: KubernetesCluster) -> None:
    await token(person, world.namespace, "default")


async def applies_over_the_network_policy(world: World, person: KubernetesCluster) -> None:
    """As `kubectl apply --server-side --force-conflicts` does."""
    metadata = {"namespace": world.namespace, "name": NAME}
    await person.apply(network() | {"metadata": metadata}, manager="kubectl", force=True)


async def _patch(person: KubernetesCluster, path: str, change: Json) -> None:
    await person.transport.call("PATCH", path, what="patch", body=change, content_type="application/merge-patch+json")
