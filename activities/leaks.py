"""What is left in cluster or registry of environments that are no more: there must be none of it, and a gauge says so."""

import asyncio
import math
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from prometheus_client import Gauge
from temporalio import activity

from activities.kinds import ENVIRONMENT, NAMESPACE, VOLUME
from activities.protocols import Cluster, GatewayError, Registry
from environments import labels, names
from environments.model import KubernetesObject

IMAGES_EVERY_SECONDS = 3600.0
"""A registry goes on naming what was deleted, so that each look asks for every environment that there ever was."""
CLUSTER_SECONDS, IMAGES_SECONDS = 30.0, 120.0
"""For one look: telling what is left must not hold up what is to be woken."""
PROJECTS = {labels.NAMESPACE_TYPE: "project"}

Thing = tuple[str, str]
"""Kind and name."""


@dataclass
class Count:
    """Of what was left when this worker looked last; unknown (NaN) when that is too long ago: others may have looked since."""

    lasts_seconds: float
    value: float = math.nan
    at: float = -math.inf
    """By time.monotonic."""

    def set(self, value: int) -> None:
        self.value, self.at = value, time.monotonic()

    def now(self) -> float:
        return self.value if self.age < self.lasts_seconds else math.nan

    @property
    def age(self) -> float:
        return time.monotonic() - self.at


LEAKS = Gauge(
    "catalyst_leaks",
    "What is left of environments whose resource is gone, by kind: namespace, volume, repository (of images).",
    ["kind"],
)
COUNTS = {"namespace": Count(300), "volume": Count(300), "repository": Count(2 * IMAGES_EVERY_SECONDS)}
for _kind, _count in COUNTS.items():
    LEAKS.labels(_kind).set_function(_count.now)


@dataclass(frozen=True)
class Leaks:
    cluster: Cluster
    registry: Registry
    counts: dict[str, Count] = field(default_factory=lambda: COUNTS)

    async def look(self) -> None:
        """What doesn't answer is asked the next time; nothing is raised for it."""
        await self._count({"namespace", "volume"}, CLUSTER_SECONDS)
        if self.counts["repository"].age > IMAGES_EVERY_SECONDS:
            await self._count({"repository"}, IMAGES_SECONDS)

    async def _count(self, kinds: set[str], seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                found = await self._find(kinds)
        except (GatewayError, TimeoutError) as error:
            activity.logger.warning("leaks of %s were not looked for: %s", sorted(kinds), error or "it took too long")
            return
        for kind in kinds:
            left = sorted(name for each, name in found if each == kind)
            self.counts[kind].set(len(left))
            if left:
                activity.logger.warning("%d leaked: %s", len(left), ", ".join(left[:20]), extra={"kind": kind})

    async def _find(self, kinds: set[str]) -> set[Thing]:
        """What is there both before and after no resource accounts for it: an environment that comes or goes meanwhile is no leak."""
        before = await self._there(kinds)
        living = await self._living() if before else set()
        suspects = {thing for thing, namespace in before.items() if namespace not in living}
        return suspects & set(await self._there(kinds)) if suspects else set()

    async def _there(self, kinds: set[str]) -> dict[Thing, str]:
        """All that lies in an environment namespace of ours, or under its name -> that name."""
        ours = await self.cluster.list(NAMESPACE, None, {labels.MANAGED_BY: labels.MANAGER})
        found = {("namespace", name): name for name in _names(ours, "environment")} if "namespace" in kinds else {}
        prefixes = tuple(_prefixes(ours))
        if "volume" in kinds:
            claims = {each["metadata"]["name"]: _claimed_in(each) for each in await self.cluster.list(VOLUME)}
            found |= {("volume", name): space for name, space in claims.items() if space.startswith(prefixes)}
        if "repository" in kinds:
            repositories = await self.registry.repositories("")
            spaces = {name: name.partition("/")[0] for name in repositories}
            found |= {("repository", name): space for name, space in spaces.items() if space.startswith(prefixes)}
        return found

    async def _living(self) -> set[str]:
        """Environment namespaces that a resource accounts for: until its finalizer is off, its owner cleans up."""
        resources = await self.cluster.list(ENVIRONMENT)
        homes = {each["metadata"]["name"]: each for each in await self.cluster.list(NAMESPACE, None, PROJECTS)}
        accounted = (_namespace_of(each, homes.get(each["metadata"]["namespace"])) for each in resources)
        return {each for each in accounted if each is not None}


def _names(ours: Iterable[KubernetesObject], type: str) -> list[str]:
    return [each["metadata"]["name"] for each in ours if each["metadata"]["labels"].get(labels.NAMESPACE_TYPE) == type]


def _prefixes(ours: Iterable[KubernetesObject]) -> Iterable[str]:
    """What the names of environment namespaces begin with: a volume and an image carry nothing else of ours."""
    for each in ours:
        own = each["metadata"]["labels"]
        if own.get(labels.NAMESPACE_TYPE) == "project":
            with suppress(KeyError, names.InvalidName):
                yield names.environment_namespace_prefix(own[labels.TEAM], own[labels.PROJECT])


def _claimed_in(volume: KubernetesObject) -> str:
    claim = volume.get("spec", {}).get("claimRef") or {}
    return str(claim.get("namespace", ""))


def _namespace_of(resource: KubernetesObject, home: KubernetesObject | None) -> str | None:
    own = home["metadata"].get("labels", {}) if home else {}
    try:
        return names.environment_namespace(own[labels.TEAM], own[labels.PROJECT], resource["metadata"]["name"])
    except (KeyError, names.InvalidName):
        return None
