"""What the API is put together from, made by a composition root or a test."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from activities.protocols import Cluster, Owners
from settings.settings import Settings
from store.audit import DatabaseAudit
from store.deliveries import Deliveries
from store.index import DatabaseIndex
from store.logs import FileLogs
from store.overrides import DatabaseOverrides
from store.tokens import Tokens


@dataclass(frozen=True)
class ApiParts:
    settings: Settings
    deliveries: Deliveries
    index: DatabaseIndex
    tokens: Tokens
    audit: DatabaseAudit
    overrides: DatabaseOverrides
    owners: Owners
    logs: FileLogs
    cluster: Cluster


async def parts_of(request: Request) -> ApiParts:
    # A coroutine although it waits for nothing: a plain function would be sent to a thread for every request.
    parts = request.app.state.parts
    assert isinstance(parts, ApiParts)
    return parts


Parts = Annotated[ApiParts, Depends(parts_of)]
