"""The API's process, killed where fate says so: its database is a file, the workflows that it tells live in the test."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import uvicorn
from pydantic import SecretStr

from api.app import create_app
from api.parts import ApiParts
from gateways.cluster.fake import InMemoryCluster
from settings.settings import GiteaSettings, Settings
from store.audit import DatabaseAudit
from store.database import open_database
from store.deliveries import Deliveries
from store.index import DatabaseIndex
from store.logs import FileLogs
from store.overrides import DatabaseOverrides
from store.tokens import Tokens
from tests.crashes.rpc import Remote

SECRET = "the forge's secret"
STEPS = ("add", "pending", "wake_pull_request", "handed", "ignored")
"""A delivery's way, in order: stored, found waiting, handed over, noted; or that nobody wants it."""


@dataclass(frozen=True)
class ApiPlace:
    folder: Path

    @property
    def world(self) -> Path:
        return self.folder / "world"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "api"

    @property
    def database(self) -> str:
        return f"sqlite+aiosqlite:///{self.folder}/catalyst.db"


def run(place: ApiPlace) -> None:
    """Until it is killed."""
    asyncio.run(_run(place))


async def _run(place: ApiPlace) -> None:
    place.socket.unlink(missing_ok=True)
    fate = Remote(place.world, "fate")
    database = await open_database(place.database)
    parts = ApiParts(
        settings=Settings(gitea=GiteaSettings(webhook_secret=SecretStr(SECRET))),
        deliveries=cast("Deliveries", Mortal(Deliveries(database), fate)),
        index=DatabaseIndex(database),
        tokens=Tokens(database),
        audit=DatabaseAudit(database),
        overrides=DatabaseOverrides(database),
        owners=Mortal(Remote(place.world, "owners"), fate),
        logs=FileLogs(place.folder / "logs"),
        cluster=InMemoryCluster(),
    )
    await uvicorn.Server(uvicorn.Config(create_app(parts), uds=str(place.socket), log_level="warning")).serve()


class Mortal:
    """The same object, whose process may die before or after each of its STEPS."""

    def __init__(self, one: Any, fate: Any) -> None:
        self._one, self._fate = one, fate

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._one, name)
        return self._deadly(name, method) if name in STEPS else method

    def _deadly(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **options: Any) -> Any:
            await self._die_if_told(name, is_after=False)
            result = await method(*args, **options)
            await self._die_if_told(name, is_after=True)
            return result

        return call

    async def _die_if_told(self, name: str, is_after: bool) -> None:
        if await self._fate.is_to_die(name, is_after):
            os.kill(os.getpid(), signal.SIGKILL)
