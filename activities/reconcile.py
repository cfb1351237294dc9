"""Open pull requests, Environment resources and labelled namespaces against living workflows."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import Counter
from temporalio import activity

from activities.errors import gateway_errors
from activities.heartbeats import heartbeats
from activities.kinds import ENVIRONMENT, NAMESPACE
from activities.leaks import Leaks
from activities.protocols import Cluster, Forge, GatewayError, OpenPullRequest, Owners, RunningPullRequest
from environments import labels
from environments.messages import is_refusal
from environments.model import EnvironmentKey, KubernetesObject, NamespaceName, PullRequestKey
from environments.names import environment_workflow_id, pull_request_workflow_id
from environments.work import Reconciled, Request

AT_ONCE = 8
"""Signals and questions to Temporal at the same time."""
BY = Request(by="reconcile", delivery="reconcile")
"""With a delivery, like a webhook's: it only says "look"."""

WOKEN = Counter(
    "catalyst_reconcile_woken",
    "Workflows that Reconcile had to start or signal: what no webhook and no watch had told them.",
)


@dataclass(frozen=True)
class ReconcileActivities:
    forges: Mapping[str, Forge]
    cluster: Cluster
    owners: Owners
    leaks: Leaks

    @activity.defn
    @gateway_errors
    async def reconcile(self) -> Reconciled:
        """One forge that is down doesn't stop the rest; what it said about nothing is left as it is."""
        async with heartbeats():
            resources, namespaces = await asyncio.gather(
                self.cluster.list(ENVIRONMENT),
                self.cluster.list(NAMESPACE, None, {labels.NAMESPACE_TYPE: "environment"}),
            )
            found = await asyncio.gather(*(self._open(name, forge) for name, forge in self.forges.items()))
            opened = {each.key: each for part in found if part is not None for each in part}
            asked = {name for name, part in zip(self.forges, found, strict=True) if part is not None}
            running = await self._running()
            unlisted = [key for key in running if key.forge in asked and key not in opened]
            done = [
                await self._each(self._pull_request(each, resources, running) for each in opened.values()),
                await self._each(self._preview(each, opened, asked) for each in resources),
                # Stopped or refused ones have no resource to be found by.
                await self._each(self._over(key) for key in unlisted),
                await self._each(self._environment(key) for key in _keys(resources, namespaces)),
            ]
            await self.leaks.look()
        WOKEN.inc(sum(done))
        return Reconciled(pull_requests=len(opened), environments=len(resources), woken=sum(done))

    async def _open(self, name: str, forge: Forge) -> list[OpenPullRequest] | None:
        try:
            return list(await forge.open_pull_requests())
        except GatewayError as error:
            activity.logger.warning("the forge %s could not be asked for its open pull requests: %s", name, error)
            return None

    async def _pull_request(
        self,
        opened: OpenPullRequest,
        resources: Iterable[KubernetesObject],
        running: Mapping[PullRequestKey, RunningPullRequest],
    ) -> bool:
        """An open one has a workflow, which knows its newest commit: serves it, or said why not."""
        runs = await self.owners.runs(pull_request_workflow_id(opened.key))
        is_served = opened.head_sha in _commits_of(opened.key, resources)
        if runs and (is_served or _is_refused(opened, running.get(opened.key))):
            return False
        return await self.owners.wake_pull_request(opened.key, "look", BY, may_start=True)

    async def _preview(
        self, resource: KubernetesObject, opened: Mapping[PullRequestKey, OpenPullRequest], asked: set[str]
    ) -> bool:
        """A preview whose pull request isn't open belongs to a workflow that then sees so, and removes it."""
        key = labels.parse_pull_request_annotation(_annotations(resource).get(labels.PULL_REQUEST, ""))
        if key is None or key.forge not in asked or key in opened:
            return False
        environment = _key(resource)
        return await self.owners.wake_pull_request(key, "look", BY, may_start=True, environment=environment)

    async def _running(self) -> Mapping[PullRequestKey, RunningPullRequest]:
        try:
            return {each.key: each for each in await self.owners.running_pull_requests()}
        except GatewayError as error:
            activity.logger.warning("running workflows could not be listed: %s", error)
            return {}

    async def _over(self, key: PullRequestKey) -> bool:
        return await self.owners.wake_pull_request(key, "look", BY, may_start=False)

    async def _environment(self, key: EnvironmentKey) -> bool:
        if await self.owners.runs(environment_workflow_id(key)):
            return False
        await self.owners.wake_environment(key)
        return True

    async def _each(self, calls: Iterable[Awaitable[bool]]) -> int:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(call: Awaitable[bool]) -> bool:
            async with slots:
                try:
                    return await call
                except GatewayError as error:  # one that can't be reached must not starve those behind it
                    activity.logger.warning("not reconciled, until the next time: %s", error)
                    return False

        return sum(await asyncio.gather(*(one(call) for call in calls)))


def _is_refused(opened: OpenPullRequest, running: RunningPullRequest | None) -> bool:
    """For a reason that looking again each minute doesn't change."""
    return running is not None and running.sha == opened.head_sha and is_refusal(running.phase)


def _keys(resources: Iterable[KubernetesObject], namespaces: Iterable[KubernetesObject]) -> list[EnvironmentKey]:
    """Of everything that must have an environment's workflow: resources, and namespaces that lost theirs."""
    named = [_annotations(each).get(labels.RESOURCE, "").partition("/") for each in namespaces]
    of_namespaces = [EnvironmentKey(namespace=NamespaceName(home), name=name) for home, _, name in named if name]
    return list(dict.fromkeys([*(_key(each) for each in resources), *of_namespaces]))


def _key(resource: KubernetesObject) -> EnvironmentKey:
    metadata = resource["metadata"]
    return EnvironmentKey(namespace=NamespaceName(metadata["namespace"]), name=metadata["name"])


def _commits_of(key: PullRequestKey, resources: Iterable[KubernetesObject]) -> set[str]:
    mark = labels.pull_request_annotation(key)
    mine = [each for each in resources if _annotations(each).get(labels.PULL_REQUEST) == mark]
    return {source.get("commitSha", "") for each in mine for source in each.get("spec", {}).get("sources") or ()}


def _annotations(obj: KubernetesObject) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}
