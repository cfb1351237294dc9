"""Leader election over a coordination.k8s.io/v1 Lease: at most one process at a time does what must be done once.

Own, because the client library's own election works on typed models and its own client, gives no lease back when it is
cancelled, and doesn't wait for the work that it cancels.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from activities.protocols import Cluster, ClusterConflict, ClusterGone, GatewayError, Kind, ObjectRef
from environments.model import KubernetesObject

LEASE = Kind("coordination.k8s.io/v1", "Lease")


class LeaseLost(GatewayError):
    """Another process may hold the lease now; what was being done under it was cancelled."""

    retryable = True


@asynccontextmanager
async def hold_lease(
    cluster: Cluster, namespace: str, name: str, identity: str, seconds: int = 15
) -> AsyncIterator[None]:
    """Wait until the lease is ours, then hold it for as long as the block runs, and give it back.

    When it can't be renewed in time the block is cancelled and LeaseLost comes out of it, before anybody else may take the
    lease (two thirds of `seconds` after the last renewal).
    """
    election = _Election(cluster, ObjectRef(LEASE, namespace, name), identity, seconds)
    await election.acquire()
    block = asyncio.current_task()
    assert block is not None
    before = block.cancelling()
    renewal = asyncio.create_task(election.renew_until_lost())
    renewal.add_done_callback(lambda task: None if task.cancelled() else block.cancel())
    try:
        yield
    except asyncio.CancelledError:
        # Ours to swallow only when nobody else asked for the cancellation too.
        if renewal.done() and block.uncancel() <= before:
            raise LeaseLost(f"The lease {namespace}/{name} couldn't be renewed in time") from None
        raise
    except BaseException:
        # Cancelled by us, the block ended with a failure of its own: nobody is to take our request for somebody else's.
        if renewal.done():
            block.uncancel()
        raise
    finally:
        renewal.cancel()
        await election.release()


@dataclass
class _Election:
    cluster: Cluster
    ref: ObjectRef
    identity: str
    seconds: int
    _version_seen: str = ""
    _seen_at: float = 0.0
    _renewed_at: float = 0.0

    async def acquire(self) -> None:
        while not await self._attempt():
            await asyncio.sleep(self.seconds / 5)

    async def renew_until_lost(self) -> None:
        while time.monotonic() - self._renewed_at < self.seconds * 2 / 3:
            await asyncio.sleep(self.seconds / 5)
            left = self._renewed_at + self.seconds * 2 / 3 - time.monotonic()
            try:
                async with asyncio.timeout(max(left, 0)):
                    await self._attempt()
            except (TimeoutError, GatewayError):
                return

    async def release(self) -> None:
        """Let the next one take it at once; whatever fails here, the lease runs out by itself."""
        try:
            lease = await self.cluster.get(self.ref)
            if lease and lease["spec"].get("holderIdentity") == self.identity:
                await self._write(lease, {"holderIdentity": "", "leaseDurationSeconds": 1})
        except GatewayError:
            pass

    async def _attempt(self) -> bool:
        """Take or renew it; False when it is another's or the API server wouldn't."""
        began = time.monotonic()
        try:
            lease = await self.cluster.get(self.ref)
            if lease is None:
                await self.cluster.create(self._new())
            elif self._may_take(lease):
                await self._write(lease, self._claim())
            else:
                return False
        except (ClusterConflict, ClusterGone):
            return False
        except GatewayError as error:
            if not error.retryable:
                raise
            return False
        self._renewed_at = began
        return True

    def _may_take(self, lease: KubernetesObject) -> bool:
        # Time since *we* saw it change, as the clocks of two machines may differ.
        if lease["metadata"]["resourceVersion"] != self._version_seen:
            self._version_seen, self._seen_at = lease["metadata"]["resourceVersion"], time.monotonic()
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity")
        is_over = time.monotonic() - self._seen_at > int(spec.get("leaseDurationSeconds") or self.seconds)
        return holder in (None, "", self.identity) or is_over

    async def _write(self, lease: KubernetesObject, spec: dict[str, Any]) -> None:
        version = lease["metadata"]["resourceVersion"]
        await self.cluster.patch(self.ref, {"metadata": {"resourceVersion": version}, "spec": spec})

    def _new(self) -> KubernetesObject:
        metadata = {"namespace": self.ref.namespace, "name": self.ref.name}
        return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": self._claim()}

    def _claim(self) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"holderIdentity": self.identity, "leaseDurationSeconds": self.seconds, "renewTime": now}
