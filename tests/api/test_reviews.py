"""What the API server asks before it deletes an Environment: noted, and always allowed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.reviews import MAX_BODY_BYTES, create_review_app
from environments.deletions import Deletion
from environments.model import EnvironmentKey, EnvironmentUid, NamespaceName
from settings.settings import Settings
from store.audit import DELETED, DatabaseAudit
from store.database import DatabaseUnavailable
from tests.api.conftest import REVIEWS_SECRET, Api

KEY = EnvironmentKey(namespace=NamespaceName("ada-shop"), name="pr-7")
UID = EnvironmentUid("e-1")
ALLOWED = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "response": {"uid": "q-1", "allowed": True},
}


class BrokenAudit(DatabaseAudit):
    async def note_deletion(self, deletion: Deletion) -> None:
        raise DatabaseUnavailable("The database doesn't answer.")


def review(by: str = "alice") -> dict[str, Any]:
    metadata = {"namespace": KEY.namespace, "name": KEY.name, "uid": UID}
    request = {
        "uid": "q-1",
        "operation": "DELETE",
        "userInfo": {"username": by, "uid": "1", "groups": ["system:masters"]},
        "object": None,
        "oldObject": {"apiVersion": "catalyst.catalyst.dev/v1alpha1", "kind": "Environment", "metadata": metadata},
        "dryRun": False,
    }
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}


def client_of(api: Api, **parts: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_review_app(replace(api.parts, **parts)), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://reviews.test")


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api) as client:
        yield client


async def test_whoever_deletes_is_in_the_audit_log(api: Api, client: httpx.AsyncClient) -> None:
    answer = await client.post(f"/deletions/{REVIEWS_SECRET}", json=review())
    assert (answer.status_code, answer.json()) == (200, ALLOWED)
    [entry] = await api.parts.audit.list("ada-shop/pr-7")
    assert (entry.who, entry.action, entry.detail) == ("alice", DELETED, {"uid": UID})
    assert await api.parts.audit.deleter(KEY, UID) == "alice"


async def test_asked_twice_it_says_the_same(api: Api, client: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await client.post(f"/deletions/{REVIEWS_SECRET}", json=review())).json() == ALLOWED
    assert await api.parts.audit.deleter(KEY, UID) == "alice"


async def test_what_no_person_does_is_allowed_and_not_noted(api: Api, client: httpx.AsyncClient) -> None:
    answer = await client.post(f"/deletions/{REVIEWS_SECRET}", json=review(api.parts.settings.account))
    assert answer.json() == ALLOWED
    assert await api.parts.audit.list() == []


async def test_without_a_database_it_is_allowed_all_the_same(api: Api) -> None:
    async with client_of(api, audit=BrokenAudit(api.database)) as client:
        answer = await client.post(f"/deletions/{REVIEWS_SECRET}", json=review())
    assert (answer.status_code, answer.json()) == (200, ALLOWED)


@pytest.mark.parametrize("secret", ["guessed", "%C3%A9", REVIEWS_SECRET.upper()])
async def test_whoever_does_not_know_the_secret_notes_nothing(api: Api, client: httpx.AsyncClient, secret: str) -> None:
    assert (await client.post(f"/deletions/{secret}", json=review())).status_code == 404
    assert await api.parts.audit.list() == []


async def test_without_a_secret_nobody_knows_it(api: Api) -> None:
    async with client_of(api, settings=Settings()) as client:
        for path in ("/deletions/", "/deletions/None"):
            assert (await client.post(path, json=review())).status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b'{"request": {"uid": "q-1"}}', b"\xff", b"[" * 100_000])
async def test_what_is_no_review_is_refused(api: Api, client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post(f"/deletions/{REVIEWS_SECRET}", content=body)
    assert answer.status_code in (400, 422)
    assert await api.parts.audit.list() == []


async def test_it_is_bounded(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"/deletions/{REVIEWS_SECRET}", content=b" " * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413


async def test_it_is_not_answered_where_people_come(api: Api) -> None:
    assert (await api.client.post(f"/deletions/{REVIEWS_SECRET}", json=review())).status_code == 404


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/healthz", "/api/v1/environments"])
async def test_nothing_else_is_answered_there(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404
