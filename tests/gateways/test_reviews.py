"""A real API server says who deletes an Environment: the webhook configuration, its conditions, the certificate, the whole API."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from activities.kinds import environment_ref, namespace_ref
from activities.protocols import Kind, ObjectRef
from deploy.local import reviews
from deploy.local.profile import Profile
from environments import labels
from environments.deletions import review_configuration
from environments.model import EnvironmentKey, EnvironmentUid, KubernetesObject, NamespaceName
from environments.permissions import RBAC
from gateways.cluster.errors import ClusterForbidden
from gateways.cluster.kubernetes import KubernetesCluster
from store.audit import DELETED, AuditEntry, DatabaseAudit
from store.database import open_database
from tests.api.test_process import settings_in, started
from tests.certificates import authority, openssl, review_settings
from tests.gateways.accounts import token, with_token
from tests.gateways.control_plane import free_port
from tests.gateways.policies import user_name
from tests.gateways.test_cluster import eventually
from tests.gateways.test_custom_resources import environment

SECRET = "made-once-per-state"
ACCOUNT_OF_THE_API = "system:serviceaccount:catalyst-system:catalyst"
"""Not the one that the configuration leaves out, so that its conditions are tried and not ours."""
CONFIGURATION = Kind("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")
BINDING = Kind(f"{RBAC}/v1", "ClusterRoleBinding")


class Place(NamedTuple):
    """A namespace with Environments, somebody who deletes them, and what the API noted."""

    admin: KubernetesCluster
    """As the product's account: the configuration leaves it out."""
    alice: KubernetesCluster
    name: str
    """Alice's, as the API server has it."""
    home: KubernetesObject
    audit: DatabaseAudit

    async def made(
        self, home: KubernetesObject | None = None, **metadata: object
    ) -> tuple[EnvironmentKey, EnvironmentUid]:
        """An Environment of a new name; in the place's own namespace unless another is given."""
        wanted = environment(home or self.home, f"e-{uuid.uuid4().hex[:8]}")
        stored = await self.admin.create(wanted | {"metadata": wanted["metadata"] | metadata})
        namespace, name = NamespaceName(wanted["metadata"]["namespace"]), wanted["metadata"]["name"]
        key = EnvironmentKey(namespace=namespace, name=name)
        return key, EnvironmentUid(stored["metadata"]["uid"])

    async def noted(self, uid: EnvironmentUid) -> list[AuditEntry]:
        return [each for each in await self.audit.list() if each.action == DELETED and each.detail["uid"] == uid]


@pytest_asyncio.fixture(scope="module")
async def place(
    lone_resources: KubernetesCluster, lone_kubeconfig: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("reviews")
    admin, port, home = lone_resources, free_port(), _namespace()
    made = [home, _account(home), _binding(home)]
    for obj in made:
        await admin.create(obj)
    secret = await token(admin, home["metadata"]["name"], "alice")
    alice = await KubernetesCluster.connect(with_token(lone_kubeconfig, secret, folder))
    given = settings_in(folder) | review_settings(authority(folder / "pki"), port, SECRET)
    database = await open_database(given["CATALYST_DATABASE_URL"])
    url, pem = f"https://127.0.0.1:{port}/deletions/{SECRET}", (folder / "pki" / "ca.crt").read_text()
    async with started(given | {"CATALYST_ACCOUNT": ACCOUNT_OF_THE_API}):
        await admin.apply(review_configuration(url, pem, await user_name(admin)), manager="test")
        place = Place(admin, alice, await user_name(alice), home, DatabaseAudit(database))
        await eventually(lambda: _is_told(place))
        yield place
    await admin.delete(ObjectRef(CONFIGURATION, None, "catalyst-deletions"))
    await admin.delete(ObjectRef(BINDING, None, home["metadata"]["name"]))
    await admin.delete(namespace_ref(home["metadata"]["name"]))
    await alice.aclose()
    await database.aclose()


async def test_who_deletes_is_noted_before_it_is_gone(place: Place) -> None:
    key, uid = await place.made()
    await place.alice.delete(environment_ref(key))
    assert await place.admin.get(environment_ref(key)) is None
    assert await place.audit.deleter(key, uid) == place.name


async def test_a_whole_collection_is_noted_one_by_one(place: Place) -> None:
    made = [await place.made() for _ in range(2)]
    path = f"/apis/{labels.API_VERSION}/namespaces/{place.home['metadata']['name']}/environments"
    await place.alice.transport.call("DELETE", path, what="all of them")
    assert [await place.audit.deleter(key, uid) for key, uid in made] == [place.name, place.name]


async def test_a_try_is_not_noted(place: Place) -> None:
    key, uid = await place.made()
    path = f"/apis/{labels.API_VERSION}/namespaces/{key.namespace}/environments/{key.name}"
    await place.alice.transport.call("DELETE", path, what="a try", query={"dryRun": "All"})
    assert await place.admin.get(environment_ref(key)) is not None
    assert await place.noted(uid) == []


async def test_the_product_s_own_deletions_and_what_follows_them_are_not_asked_about(place: Place) -> None:
    key, uid = await place.made(finalizers=[labels.FINALIZER])
    await place.admin.delete(environment_ref(key))
    await place.alice.delete(environment_ref(key))
    assert await place.noted(uid) == []
    await place.admin.patch(environment_ref(key), {"metadata": {"finalizers": None}})


async def test_the_namespace_controller_is_nobody(place: Place) -> None:
    key, uid = await place.made(await place.admin.create(_namespace()))
    await place.alice.delete(namespace_ref(key.namespace))

    async def is_gone() -> bool:
        return await place.admin.get(environment_ref(key)) is None

    await eventually(is_gone)
    assert await place.noted(uid) == []


def test_the_platform_makes_certificate_and_secret_once(tmp_path: Path) -> None:
    profile = Profile("demo", root=tmp_path)
    authority(profile.pki)

    def made() -> tuple[object, bytes]:
        reviews.prepare(profile)
        return reviews.settings(profile), (profile.pki / "reviews.crt").read_bytes()

    assert made() == made()
    for secret in (profile.pki / "reviews.key", profile.secret("reviews")):
        assert secret.stat().st_mode & 0o777 == 0o600


def test_the_platform_s_certificate_is_a_server_s_and_no_authority(tmp_path: Path) -> None:
    certificate = tmp_path / "reviews.crt"
    reviews.certify(authority(tmp_path), certificate, tmp_path / "reviews.key")
    verify = ("-purpose", "sslserver", "-verify_ip", "127.0.0.1", "-CAfile", str(tmp_path / "ca.crt"))
    assert "OK" in openssl("verify", *verify, str(certificate))
    shown = openssl("x509", "-in", str(certificate), "-noout", "-text")
    assert "CA:FALSE" in shown
    assert "Client Authentication" not in shown


async def _is_told(place: Place) -> bool:
    """The API server takes a moment to load the configuration, and Alice's rights."""
    key, uid = await place.made()
    try:
        await place.alice.delete(environment_ref(key))
    except ClusterForbidden:
        return False
    return bool(await place.noted(uid))


def _namespace() -> KubernetesObject:
    team = f"t{uuid.uuid4().hex[:8]}"
    own = {labels.TEAM: team, labels.PROJECT: "shop", labels.NAMESPACE_TYPE: "project"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{team}-shop", "labels": own}}


def _account(home: KubernetesObject) -> KubernetesObject:
    metadata = {"namespace": home["metadata"]["name"], "name": "alice"}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def _binding(home: KubernetesObject) -> KubernetesObject:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": home["metadata"]["name"]},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "namespace": home["metadata"]["name"], "name": "alice"}],
    }
