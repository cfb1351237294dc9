"""An open watch on the in-memory cluster."""

import asyncio
import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

from activities.protocols import Kind, WatchEvent
from gateways.cluster.objects import matches


@dataclass(frozen=True, eq=False)
class Watching:
    """Hears of what it asked for."""

    kind: Kind
    namespace: str | None
    labels: Mapping[str, str] | None
    queue: asyncio.Queue[WatchEvent] = field(default_factory=asyncio.Queue)

    def tell(self, event: WatchEvent) -> None:
        if matches(event.object, self.kind, self.namespace, self.labels):
            # A copy each: watchers keep what they get.
            self.queue.put_nowait(WatchEvent(event.type, copy.deepcopy(event.object)))
