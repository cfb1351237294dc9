"""An API on a real database of either kind, with workflows and a cluster in memory, and a forge that signs."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api.app import create_app
from api.dispatcher import Dispatcher
from api.parts import ApiParts
from gateways.cluster.fake import InMemoryCluster
from gateways.temporal.fake import InMemoryOwners
from settings.settings import ApiSettings, GiteaSettings, GitHubSettings, ReviewSettings, Settings
from store.audit import DatabaseAudit
from store.database import Database, open_database
from store.deliveries import Deliveries
from store.index import DatabaseIndex
from store.logs import FileLogs
from store.overrides import DatabaseOverrides
from store.tokens import Tokens
from tests.postgresql import Place

SECRET = "the forge's secret"
REVIEWS_SECRET = "the-api-servers-secret"
LIMIT = 200_000


def pull_request(action: str, number: int = 7, repository: int = 3) -> dict[str, Any]:
    return {
        "action": action,
        "number": number,
        "pull_request": {"number": number, "state": "open"},
        "repository": {"id": repository, "full_name": "ada/shop"},
        "sender": {"login": "bob"},
    }


def comment(number: int, body: str, on_pull_request: bool = True) -> dict[str, Any]:
    """On pull request 7."""
    issue: dict[str, Any] = {"number": 7, "pull_request": {"merged": False} if on_pull_request else None}
    return {"action": "created", "issue": issue, "comment": {"id": number, "body": body}} | {
        "repository": {"id": 3, "full_name": "ada/shop"},
        "sender": {"login": "bob"},
    }


def push(ref: str, repository: int = 3) -> dict[str, Any]:
    return {"ref": ref, "repository": {"id": repository, "full_name": "ada/shop"}, "sender": {"login": "bob"}}


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass
class Api:
    """What a test talks to."""

    app: FastAPI
    client: httpx.AsyncClient
    parts: ApiParts
    database: Database
    owners: InMemoryOwners
    cluster: InMemoryCluster

    @property
    def dispatcher(self) -> Dispatcher:
        dispatcher = self.app.state.dispatcher
        assert isinstance(dispatcher, Dispatcher)
        return dispatcher

    async def webhook(
        self,
        payload: object,
        *,
        event: str = "pull_request",
        delivery: str | None = None,
        forge: str = "gitea",
        signature: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        names = {"gitea": "X-Gitea", "github": "X-GitHub"}
        sent = {"Content-Type": "application/json", f"{names[forge]}-Event": event}
        sent["X-Hub-Signature-256"] = f"sha256={signed(body)}" if signature is None else signature
        if delivery is not None:
            sent[f"{names[forge]}-Delivery"] = delivery
        return await self.client.post(f"/webhooks/{forge}", content=body, headers=sent | (headers or {}))

    def metric(self, name: str, **labels: str) -> float:
        value = self.app.state.metrics.registry.get_sample_value(name, labels)
        return 0.0 if value is None else float(value)


@pytest.fixture
async def api(tmp_path: Path, place: Place) -> AsyncIterator[Api]:
    settings = Settings(
        api=ApiSettings(max_body_bytes=LIMIT),
        gitea=GiteaSettings(webhook_secret=SecretStr(SECRET)),
        github=GitHubSettings(webhook_secret=SecretStr(SECRET)),
        reviews=ReviewSettings(secret=SecretStr(REVIEWS_SECRET)),
    )
    database = await open_database(place.url)
    owners, cluster, tokens = InMemoryOwners(), InMemoryCluster(), Tokens(database)
    parts = ApiParts(
        settings=settings,
        deliveries=Deliveries(database),
        index=DatabaseIndex(database),
        tokens=tokens,
        audit=DatabaseAudit(database),
        overrides=DatabaseOverrides(database),
        owners=owners,
        logs=FileLogs(tmp_path / "logs"),
        cluster=cluster,
    )
    app = create_app(parts)
    headers = {"Authorization": f"Bearer {await tokens.create('ci')}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers) as client:
        yield Api(app, client, parts, database, owners, cluster)
    await database.aclose()
