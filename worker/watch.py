"""The one watcher: under a Lease in one worker, it wakes an environment's workflow when something of it changed (design: rule 5)."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from activities.kinds import DEPLOYMENT, ENVIRONMENT, NAMESPACE
from activities.protocols import Cluster, ClusterConflict, GatewayError, Kind, Owners, Sidecars, WatchEvent
from environments import labels, names
from environments.model import EnvironmentKey, KubernetesObject, NamespaceName
from environments.permissions import HOME, home_object
from environments.work import Sighting
from gateways.cancellation import obey_cancellation
from gateways.cluster.lease import LeaseLost, hold_lease
from worker.terminals import hear_terminals

LEASE_NAME = "catalyst-watch"
TRY_AGAIN_SECONDS = 2.0
LOG = logging.getLogger("catalyst.watch")
OURS = {labels.MANAGED_BY: labels.MANAGER}
GUARD = {labels.COMPONENT: labels.GUARD}
WATCHED: tuple[tuple[Kind, Mapping[str, str]], ...] = (
    (ENVIRONMENT, {}),
    (NAMESPACE, {labels.NAMESPACE_TYPE: "environment"}),
    (DEPLOYMENT, OURS),
    (Kind("networking.k8s.io/v1", "NetworkPolicy"), GUARD),
    (Kind("v1", "ResourceQuota"), GUARD),
    (Kind("v1", "LimitRange"), GUARD),
)


async def watch_for_ever(cluster: Cluster, sidecars: Sidecars, owners: Owners, identity: str) -> None:
    """Until cancelled; whatever fails is said and begun anew. What is missed meanwhile Reconcile finds."""
    while True:
        try:
            await ensure_home(cluster)
            async with hold_lease(cluster, HOME, LEASE_NAME, identity), asyncio.TaskGroup() as group:
                for kind, marks in WATCHED:
                    group.create_task(_watch(cluster, owners, kind, marks))
                group.create_task(hear_terminals(cluster, sidecars, owners))
        except* (GatewayError, LeaseLost) as errors:
            LOG.warning("the watch broke off and begins anew: %s", errors.exceptions[0])
        obey_cancellation()
        await asyncio.sleep(TRY_AGAIN_SECONDS)


async def ensure_home(cluster: Cluster) -> None:
    """The platform's own namespace, where the lease lies."""
    try:
        await cluster.create(home_object())
    except ClusterConflict:
        return


async def _watch(cluster: Cluster, owners: Owners, kind: Kind, marks: Mapping[str, str]) -> None:
    changes = Changes()
    async for event in cluster.watch(kind, None, marks):
        key = changes.notice(event)
        if key is not None:
            await owners.wake_environment(key, sighting_of(event))


@dataclass
class Changes:
    """What was seen of each object last: only what matters wakes a workflow (a changed spec, a deletion, availability)."""

    _seen: dict[str, Any] = field(default_factory=dict)

    def notice(self, event: WatchEvent) -> EnvironmentKey | None:
        """The environment to wake, or None when nothing that matters changed."""
        uid = event.object["metadata"]["uid"]
        before, now = self._seen.get(uid), None if event.type == "DELETED" else _essence(event.object)
        if now is None:
            self._seen.pop(uid, None)
        else:
            self._seen[uid] = now
        # What is there at the start is Reconcile's, except a resource itself: it may have just been made.
        is_news = now != before and (before is not None or event.object["kind"] == "Environment")
        return environment_of(event.object) if is_news else None


def sighting_of(event: WatchEvent) -> Sighting | None:
    """None: whatever the workflow knows, it must look: something is going, or is a whole namespace."""
    metadata, kind = event.object["metadata"], event.object["kind"]
    is_going = event.type == "DELETED" or "deletionTimestamp" in metadata
    if kind == "Namespace" or (kind == "Environment" and is_going):
        return None
    return Sighting(uid=metadata["uid"], generation=metadata["generation"]) if kind == "Environment" else Sighting()


def environment_of(obj: KubernetesObject) -> EnvironmentKey | None:
    """Of a resource, an environment namespace, or an object of ours in one."""
    metadata = obj["metadata"]
    if obj["kind"] == "Environment":
        return EnvironmentKey(namespace=NamespaceName(metadata["namespace"]), name=metadata["name"])
    own = metadata.get("labels") or {}
    try:
        home = names.project_namespace(own[labels.TEAM], own[labels.PROJECT])
        return EnvironmentKey(namespace=home, name=own[labels.ENVIRONMENT])
    except (KeyError, names.InvalidName):
        return None


def _essence(obj: KubernetesObject) -> Any:
    metadata = obj["metadata"]
    is_available = (obj.get("status") or {}).get("availableReplicas", 0) > 0 if obj["kind"] == "Deployment" else None
    what = metadata.get("generation") if "generation" in metadata else obj.get("spec")
    return what, metadata.get("deletionTimestamp"), is_available
