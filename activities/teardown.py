"""Taking an environment away until cluster and registry say that nothing is left. Needs no project, forge or repository (rule 3)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prometheus_client import Counter, Histogram
from temporalio import activity

from activities.errors import ChangedMeanwhile, gateway_errors
from activities.heartbeats import heartbeats
from activities.kinds import CLAIM, DEPLOYMENT, POD, REPLICA_SET, VOLUME, environment_ref, namespace_ref
from activities.lateness import refuse_if_late
from activities.protocols import Audit, Cluster, ClusterConflict, ClusterGone, Kind, ObjectRef, Registry
from environments import labels
from environments.model import EnvironmentKey, KubernetesObject
from environments.work import Remaining, TearDownRequest

GRACE_SECONDS = 1
"""Nobody waits for a preview that is thrown away to end politely."""
LOOK_SECONDS = 0.2
MAKERS = (
    DEPLOYMENT,
    Kind("apps/v1", "StatefulSet"),
    Kind("apps/v1", "DaemonSet"),
    Kind("batch/v1", "CronJob"),
    Kind("batch/v1", "Job"),
    REPLICA_SET,
)
"""What would make new pods; deleted before the pods."""

PAST_DEADLINE = Counter(
    "catalyst_teardowns_past_deadline", "How often a teardown was found past its deadline of 5 minutes."
)
DURATION = Histogram(
    "catalyst_teardown_seconds",
    "From the deletion of an Environment resource until nothing of it was left.",
    buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 3600),
)


@dataclass(frozen=True)
class TeardownActivities:
    cluster: Cluster
    registry: Registry
    audit: Audit
    patience: timedelta = timedelta(seconds=20)
    """One call answers what remains after this; the workflow calls again and keeps the 5-minute deadline."""

    @activity.defn
    @gateway_errors
    async def tear_down(self, request: TearDownRequest) -> Remaining:
        """Close the fence, delete everything, and wait a while; what remains then."""
        async with heartbeats():
            await self._close_fence(request)
            await asyncio.gather(self._remove_namespace(request), self._remove_images(request))
            return await self._wait_until_gone(request)

    @activity.defn
    @gateway_errors
    async def unblock(self, request: TearDownRequest) -> tuple[str, ...]:
        """Past the deadline: who holds it, as sentences; finalizers of what lies in the namespace are taken off."""
        PAST_DEADLINE.inc()
        home = await self._home(request)
        if home is None:
            return tuple(f"The volume {name} is not deleted yet." for name in await self._volumes(request))
        held = [each for each in await self.cluster.list_all(request.namespace, {}) if _finalizers(each)]
        told = [await self._take_off(each) for each in held]
        conditions = home.get("status", {}).get("conditions") or ()
        reasons = [each["message"] for each in conditions if each.get("status") == "True" and each.get("message")]
        return tuple(told) or tuple(reasons) or ("Nothing says why it stays.",)

    @activity.defn
    @gateway_errors
    async def release(self, key: EnvironmentKey) -> None:
        """Take our finalizer off the resource: the last write, once nothing is left (design: rule 3)."""
        stored = await self.cluster.get(environment_ref(key))
        if stored is None or "deletionTimestamp" not in stored["metadata"]:
            return
        refuse_if_late()
        kept = [each for each in _finalizers(stored) if each != labels.FINALIZER]
        version = stored["metadata"]["resourceVersion"]
        try:
            patch = {"metadata": {"finalizers": kept or None, "resourceVersion": version}}
            await self.cluster.patch(environment_ref(key), patch)
        except ClusterGone:
            return
        except ClusterConflict as error:
            raise ChangedMeanwhile(f"{key.namespace}/{key.name} was changed at the same moment: {error}") from error
        since = datetime.fromisoformat(stored["metadata"]["deletionTimestamp"])
        DURATION.observe((datetime.now(UTC) - since).total_seconds())
        await self.audit.record("catalyst", "torn down", f"{key.namespace}/{key.name}", {})

    async def _close_fence(self, request: TearDownRequest) -> None:
        """From here on nothing of ours can be written there any more, however late it wakes up (design: rule 2)."""
        if await self._home(request) is not None:
            try:
                patch = {"metadata": {"annotations": {labels.FENCE: labels.DELETING}}}
                await self.cluster.patch(namespace_ref(request.namespace), patch)
            except ClusterGone:
                return

    async def _remove_namespace(self, request: TearDownRequest) -> None:
        """Nothing is waited for in between: the namespace's controller lets 5 s pass before it looks, in which pods end that aren't
        given longer to do so. What it still finds then it comes back for much later."""
        home = await self._home(request)
        if home is None or "deletionTimestamp" in home["metadata"]:
            return
        await asyncio.gather(*(self._delete_each(kind, request) for kind in MAKERS))
        await asyncio.gather(self._delete_each(POD, request), self._delete_each(CLAIM, request))
        try:
            await self.cluster.delete(namespace_ref(request.namespace), uid=home["metadata"]["uid"])
        except ClusterConflict:
            activity.logger.info("the namespace was replaced meanwhile; looked at again")

    async def _delete_each(self, kind: Kind, request: TearDownRequest) -> None:
        found = await self.cluster.list(kind, request.namespace)
        refs = [ObjectRef(kind, request.namespace, each["metadata"]["name"]) for each in found]
        await asyncio.gather(*(self.cluster.delete(ref, grace_seconds=GRACE_SECONDS) for ref in refs))

    async def _remove_images(self, request: TearDownRequest) -> None:
        if await self._is_somebody_elses(request):
            return
        for repository in await self._images(request):
            await self.registry.delete_repository(repository)

    async def _wait_until_gone(self, request: TearDownRequest) -> Remaining:
        waited = 0.0
        while not (remaining := await self._remaining(request)).is_nothing and waited < self.patience.total_seconds():
            await asyncio.sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS
        return remaining

    async def _remaining(self, request: TearDownRequest) -> Remaining:
        is_held, home, volumes, images = await asyncio.gather(
            self._is_somebody_elses(request), self._home(request), self._volumes(request), self._images(request)
        )
        if is_held:
            return Remaining()
        return Remaining(namespace=home is not None, volumes=tuple(volumes), images=tuple(images))

    async def _home(self, request: TearDownRequest) -> KubernetesObject | None:
        """The namespace, when it is this environment's: somebody else's of that name is never touched (design: Names)."""
        found = await self.cluster.get(namespace_ref(request.namespace))
        return found if found and _is_of(found, request) else None

    async def _is_somebody_elses(self, request: TearDownRequest) -> bool:
        """Then so are the volumes and the images under its name: names alone prove nothing (design: Names)."""
        found = await self.cluster.get(namespace_ref(request.namespace))
        return found is not None and not _is_of(found, request)

    async def _volumes(self, request: TearDownRequest) -> list[str]:
        found = await self.cluster.list(VOLUME)
        claims = [(each["metadata"]["name"], each.get("spec", {}).get("claimRef") or {}) for each in found]
        return [name for name, claim in claims if claim.get("namespace") == request.namespace]

    async def _images(self, request: TearDownRequest) -> Sequence[str]:
        return await self.registry.repositories(f"{request.namespace}/")

    async def _take_off(self, obj: KubernetesObject) -> str:
        metadata = obj["metadata"]
        ref = ObjectRef(Kind(obj["apiVersion"], obj["kind"]), metadata["namespace"], metadata["name"])
        what, holders = f"{obj['kind']} {metadata['name']}", ", ".join(_finalizers(obj))
        if "deletionTimestamp" not in metadata:
            return f"{what} carries the finalizer {holders} and is not being deleted yet."
        try:
            await self.cluster.patch(ref, {"metadata": {"finalizers": None}})
        except ClusterGone:
            return f"{what} went by itself."
        await self.audit.record("catalyst", "took off finalizer", f"{ref.namespace}/{ref.name}", {"finalizer": holders})
        return f"{what} was held by the finalizer {holders}, which was taken off."


def _is_of(namespace: KubernetesObject, request: TearDownRequest) -> bool:
    own = namespace["metadata"].get("labels", {})
    return bool(own.get(labels.MANAGED_BY) == labels.MANAGER and own.get(labels.UID) == request.uid)


def _finalizers(obj: KubernetesObject) -> list[str]:
    return list(obj["metadata"].get("finalizers") or ())
