"""Hears `git push` in the terminals of development pods, and hands it to the pull request's workflow."""

import asyncio
import logging
from dataclasses import dataclass

from activities.kinds import POD, environment_ref, namespace_ref
from activities.protocols import Asked, Cluster, GatewayError, Owners, PodRef, Sidecars, WatchEvent
from environments import labels
from environments.declared import parse_environment
from environments.model import EnvironmentKey, KubernetesObject, NamespaceName, PullRequestKey
from environments.pushing import NO_PULL_REQUEST, NOBODY_THERE, TERMINAL
from environments.readiness import has_sidecar
from environments.work import PushRequest

LISTEN_AGAIN_SECONDS = 1.0
"""After a connection broke; doubled each time."""
LISTEN_AGAIN_AT_MOST = 60.0
LOG = logging.getLogger("catalyst.terminals")


async def hear_terminals(cluster: Cluster, sidecars: Sidecars, owners: Owners) -> None:
    """Until cancelled. Raises GatewayError when pods can't be watched. One connection for each development pod that runs."""
    ears: dict[str, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        async for event in cluster.watch(POD, None, {labels.MANAGED_BY: labels.MANAGER}):
            uid = event.object["metadata"]["uid"]
            if not _is_living(event):
                if (ear := ears.pop(uid, None)) is not None:
                    ear.cancel()
            elif uid not in ears:
                ears[uid] = group.create_task(_Terminal(cluster, sidecars, owners, _pod(event.object)).hear())


def _is_living(event: WatchEvent) -> bool:
    is_ending = event.type == "DELETED" or "deletionTimestamp" in event.object["metadata"]
    return not is_ending and has_sidecar(event.object)


def _pod(obj: KubernetesObject) -> PodRef:
    return PodRef(NamespaceName(obj["metadata"]["namespace"]), str(obj["metadata"]["name"]))


@dataclass(frozen=True)
class _Terminal:
    cluster: Cluster
    sidecars: Sidecars
    owners: Owners
    pod: PodRef

    async def hear(self) -> None:
        """What isn't answered yet is heard again after a break."""
        pause = LISTEN_AGAIN_SECONDS
        while True:
            try:
                async for asked in self.sidecars.pushes(self.pod):
                    pause = LISTEN_AGAIN_SECONDS
                    await self._pass_on(asked)
            except GatewayError as error:
                LOG.info("the terminal of %s/%s can't be heard just now: %s", *self.pod, error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LISTEN_AGAIN_AT_MOST)

    async def _pass_on(self, asked: Asked) -> None:
        key = await self._pull_request()
        if key is None:
            await self.sidecars.answer(self.pod, asked.id, False, NO_PULL_REQUEST)
            return
        request = PushRequest(by=TERMINAL, id=asked.id, tip=asked.sha)
        if not await self.owners.wake_pull_request(key, "push", request, may_start=False):
            await self.sidecars.answer(self.pod, asked.id, False, NOBODY_THERE)

    async def _pull_request(self) -> PullRequestKey | None:
        """Of the environment whose namespace it is, as only we write there: a pod's labels are its developers' (design: rule 11)."""
        namespace = await self.cluster.get(namespace_ref(self.pod.namespace))
        annotations = namespace["metadata"].get("annotations") or {} if namespace else {}
        home, _, name = annotations.get(labels.RESOURCE, "").partition("/")
        if not name:
            return None
        key = EnvironmentKey(namespace=NamespaceName(home), name=name)
        stored, project = await asyncio.gather(
            self.cluster.get(environment_ref(key)), self.cluster.get(namespace_ref(key.namespace))
        )
        return parse_environment(stored, project).pull_request if stored and project else None
