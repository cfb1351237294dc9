"""Development pods, into which commits are delivered."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple, Protocol

from activities.protocols.failure import GatewayError
from environments.model import CommitSha, NamespaceName
from environments.sidecar import Delivered, Delivery, Outgoing, SidecarState


class PodRef(NamedTuple):
    namespace: NamespaceName
    name: str


class SidecarGone(GatewayError):
    """The pod or its sidecar isn't there (any more), or the connection to it broke."""


class StaleDelivery(GatewayError):
    """The pod has taken a delivery of a newer rollout (design: rule 2)."""

    retryable = False


class IncompleteDelivery(GatewayError):
    """The pod doesn't have what the pack builds upon: send all of the commit."""

    retryable = False


class DeliveryRefused(GatewayError):
    """The sidecar can't take it: the volume is full, the working tree's git folder was tampered with."""

    retryable = False


class SidecarNews(NamedTuple):
    """One of the two."""

    state: SidecarState | None = None
    installed: str = ""
    """More output of the installation."""


class Taking(NamedTuple):
    """Which commits to take out of a pod."""

    tip: CommitSha | None = None
    """None: what is checked out."""
    message: str = ""
    """Commit everything first, with this message; empty: commit nothing."""
    author: str = ""
    """Of that commit, as `Name <mail>`."""
    most_bytes: int = 50 << 20
    """Of the pack."""


class Asked(NamedTuple):
    """`git push` in a pod's terminal, which waits for what becomes of it."""

    id: str
    sha: CommitSha


class Sidecars(Protocol):
    """The sidecar of a development pod, through the API server: a pod needs no way out to be given source."""

    async def state(self, pod: PodRef) -> SidecarState:
        """Raises SidecarGone."""
        ...

    async def deliver(self, pod: PodRef, delivery: Delivery, pack: Path | None) -> Delivered:
        """`pack`: git pack with the commit; None: the pod has it. Idempotent. Raises StaleDelivery, IncompleteDelivery, DeliveryRefused,
        SidecarGone."""
        ...

    def watch(self, pod: PodRef) -> AsyncIterator[SidecarNews]:
        """First how it is now, then every change, until the caller stops. Raises SidecarGone."""
        ...

    async def take(self, pod: PodRef, what: Taking, target: Path) -> Outgoing:
        """Commits made in the pod since the last delivery; their pack is written to the file, unless there are none. Idempotent.
        Raises DeliveryRefused, SidecarGone."""
        ...

    def pushes(self, pod: PodRef) -> AsyncIterator[Asked]:
        """What is asked for in the terminal and not yet answered, until the caller stops. Raises SidecarGone."""
        ...

    async def answer(self, pod: PodRef, id: str, is_done: bool, message: str) -> None:
        """To the terminal; one that doesn't wait any more hears nothing. Raises SidecarGone."""
        ...
