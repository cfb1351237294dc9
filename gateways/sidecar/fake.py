"""Sidecars in memory for workflow tests: activities.protocols.Sidecars.

Stateful as the volume of a development pod is: what was delivered outlives the pod and goes with the namespace. Checked
against the real program in tests/gateways/test_sidecars.py.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from activities.protocols import (
    Asked,
    DeliveryRefused,
    IncompleteDelivery,
    PodRef,
    SidecarGone,
    SidecarNews,
    StaleDelivery,
    Taking,
)
from environments.model import CommitSha
from environments.sidecar import CommandPhase, Delivered, Delivery, Kept, Outgoing, SidecarState
from gateways.cluster.authorized import Authorization
from gateways.cluster.errors import ClusterForbidden
from gateways.cluster.fake import InMemoryCluster
from gateways.faking import Controls

PORT = 3000


def runs(delivery: Delivery) -> SidecarState:
    """Of a command that starts and listens at once."""
    is_idle = delivery.command is None
    return SidecarState(
        rollout=delivery.rollout,
        sha=delivery.sha,
        phase=CommandPhase.IDLE if is_idle else CommandPhase.RUNNING,
        port=None if is_idle else PORT,
        delivered_sha=delivery.sha,
        delivered_rollout=delivery.rollout,
    )


class InMemorySidecars(Controls):
    """Implements Sidecars; operations for `fail_next` and `hangs`: `state`, `deliver`, `watch`, `take`, `pushes`, `answer`."""

    def __init__(self, cluster: InMemoryCluster, authorization: Authorization = lambda *_: True) -> None:
        super().__init__()
        self._cluster = cluster
        self._may = authorization
        self._volumes: dict[str, SidecarState] = {}
        """By uid of the namespace."""
        self.fate: Callable[[Delivery], SidecarState] = runs
        """What becomes of a delivery."""
        self.deliveries: list[Delivery] = []
        """Accepted ones, in order."""
        self.dirty: dict[str, Kept] = {}
        """Namespace -> what somebody changed in its pod since the last delivery."""

        self.changed: dict[str, CommitSha] = {}
        """Namespace -> the commit that everything changed in its pod would become."""
        self._committed: dict[str, CommitSha] = {}
        self._asked: dict[str, Asked] = {}
        self.answers: dict[str, tuple[bool, str]] = {}
        """By id: what the terminal was told."""

    async def state(self, pod: PodRef) -> SidecarState:
        await self.enter("state", pod.namespace)
        return self._volumes.get(self._volume(pod), SidecarState())

    async def deliver(self, pod: PodRef, delivery: Delivery, pack: Path | None) -> Delivered:
        await self.enter("deliver", pod.namespace)
        volume = self._volume(pod)
        before = self._volumes.get(volume, SidecarState())
        if before.delivered_rollout > delivery.rollout:
            raise StaleDelivery(f"Rollout {before.delivered_rollout} was delivered already.")
        if pack is None and before.delivered_sha != delivery.sha:
            raise IncompleteDelivery(f"Nothing was sent, and {delivery.sha} isn't there.")
        self.deliveries.append(delivery)
        self._volumes[volume] = self.fate(delivery)
        return Delivered(sha=delivery.sha, kept=self.dirty.pop(pod.namespace, None))

    async def watch(self, pod: PodRef) -> AsyncIterator[SidecarNews]:
        await self.enter("watch", pod.namespace)
        last = None
        while True:
            state = self._volumes.get(self._volume(pod), SidecarState())
            if state != last:
                yield SidecarNews(state=state)
            last = state
            await asyncio.sleep(0.01)

    async def take(self, pod: PodRef, what: Taking, target: Path) -> Outgoing:
        await self.enter("take", pod.namespace)
        base = self._volumes.get(self._volume(pod), SidecarState()).delivered_sha
        if what.message and pod.namespace in self.changed:
            self._committed[pod.namespace] = self.changed.pop(pod.namespace)
        head = self._committed.get(pod.namespace, CommitSha(base))
        if not base or what.tip not in (None, head):
            raise DeliveryRefused("That commit isn't in the pod.")
        count = int(head != base)
        target.write_text(head if count else "")
        is_dirty = pod.namespace in self.changed
        return Outgoing(sha=head, base=CommitSha(base), commits=count, pack_bytes=count, is_dirty=is_dirty)

    async def pushes(self, pod: PodRef) -> AsyncIterator[Asked]:
        await self.enter("pushes", pod.namespace)
        told: set[str] = set()
        while True:
            self._volume(pod)
            asked = self._asked.get(pod.namespace)
            if asked is not None and asked.id not in told | self.answers.keys():
                told.add(asked.id)
                yield asked
            await asyncio.sleep(0.01)

    async def answer(self, pod: PodRef, id: str, is_done: bool, message: str) -> None:
        await self.enter("answer", pod.namespace)
        self._volume(pod)
        self.answers.setdefault(id, (is_done, message))

    def commit(self, namespace: str, sha: str) -> None:
        """Somebody commits in the pod."""
        self._committed[namespace] = CommitSha(sha)

    def git_push(self, namespace: str, sha: str) -> str:
        """Somebody types it in the terminal; the id of what they wait for."""
        self.commit(namespace, sha)
        self._asked[namespace] = Asked(uuid.uuid4().hex, CommitSha(sha))
        return self._asked[namespace].id

    def change(self, namespace: str, **update: object) -> None:
        """What happens in the pod by itself: the command fails, comes to listen, …"""
        volume = self._volume_of(namespace)
        self._volumes[volume] = self._volumes[volume].model_copy(update=update)

    def _volume(self, pod: PodRef) -> str:
        if not all(self._may(verb, "", "Pod", pod.namespace, "exec") for verb in ("get", "create")):
            raise ClusterForbidden(f"exec in pod {pod.namespace}/{pod.name}: the account may not (403)")
        pods = self._cluster.objects("Pod", pod.namespace)
        if not any(each["metadata"]["name"] == pod.name for each in pods):
            raise SidecarGone(f"There is no pod {pod.namespace}/{pod.name} (any more).")
        return self._volume_of(pod.namespace)

    def _volume_of(self, namespace: str) -> str:
        found = self._cluster.objects("Namespace")
        return str(next(each["metadata"]["uid"] for each in found if each["metadata"]["name"] == namespace))
