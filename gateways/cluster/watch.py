"""One watch that never misses a change: list, stream from there, and list again whenever the server has forgotten the place."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from activities.protocols import GatewayError, WatchEvent
from environments.model import KubernetesObject
from gateways.cluster.errors import WatchExpired, error_from
from gateways.cluster.transport import Transport

STREAM_SECONDS = 120
"""After so long the server ends a stream and we go on from the last version: bounds how long a dead connection goes unseen."""
SILENCE_SECONDS = STREAM_SECONDS + 15.0
BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

Listing = Callable[[], Awaitable[KubernetesObject]]
Known = dict[tuple[str | None, str], KubernetesObject]


async def watch_objects(
    transport: Transport, path: str, listing: Listing, selector: dict[str, str]
) -> AsyncGenerator[WatchEvent, None]:
    """Events until closed. Raises only what trying again won't mend (ClusterRefused, ClusterGone)."""
    memory = _Memory()
    failures = 0
    while True:
        try:
            answer = await listing()
            for event in memory.compare(answer["items"]):
                yield event
            version = answer["metadata"]["resourceVersion"]
            async with aclosing(_follow(transport, path, selector, version)) as events:
                async for event in events:
                    failures = 0
                    memory.note(event)
                    yield event
        except GatewayError as error:
            if not (error.retryable or isinstance(error, WatchExpired)):
                raise
            await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
            failures += 1


@dataclass
class _Memory:
    """What the caller was told, so that a second list yields only what differs."""

    known: Known = field(default_factory=dict)

    def note(self, event: WatchEvent) -> None:
        if event.type == "DELETED":
            self.known.pop(_key(event.object), None)
        else:
            self.known[_key(event.object)] = event.object

    def compare(self, objects: list[KubernetesObject]) -> list[WatchEvent]:
        now: Known = {_key(obj): obj for obj in objects}
        before, self.known = self.known, now
        replaced = {key for key in before if key in now and _uid(before[key]) != _uid(now[key])}
        gone = [WatchEvent("DELETED", before[key]) for key in before if key not in now or key in replaced]
        added = [WatchEvent("ADDED", now[key]) for key in now if key not in before or key in replaced]
        changed = [
            WatchEvent("MODIFIED", now[key])
            for key in now
            if key in before and key not in replaced and _version(before[key]) != _version(now[key])
        ]
        return gone + added + changed


async def _follow(
    transport: Transport, path: str, selector: dict[str, str], version: str
) -> AsyncGenerator[WatchEvent, None]:
    """Events from a version on, over as many streams as it takes. Raises WatchExpired when the version is too old."""
    while True:
        query = selector | {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(STREAM_SECONDS),
        }
        async for line in _lines(transport, path, query):
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise _stream_error(event["object"])
            version = event["object"]["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                yield WatchEvent(event["type"], event["object"])


async def _lines(transport: Transport, path: str, query: dict[str, str]) -> AsyncIterator[bytes]:
    async with transport.stream(path, what=f"watch {path}", query=query, silence=SILENCE_SECONDS) as stream:
        async for line in stream:
            if line.endswith(b"\n"):  # a last line without one was cut off with the connection
                yield line


def _stream_error(status: KubernetesObject) -> GatewayError:
    return error_from(int(status.get("code") or 500), json.dumps(status).encode(), "watch")


def _key(obj: KubernetesObject) -> tuple[str | None, str]:
    return obj["metadata"].get("namespace"), obj["metadata"]["name"]


def _uid(obj: KubernetesObject) -> Any:
    return obj["metadata"].get("uid")


def _version(obj: KubernetesObject) -> Any:
    return obj["metadata"].get("resourceVersion")
