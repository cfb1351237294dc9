"""What is left of environments that are gone is found; what lives, comes, goes, or is others' is none of it."""

import math
from typing import Any

import pytest
from prometheus_client import REGISTRY

from activities.kinds import namespace_ref
from activities.leaks import COUNTS, IMAGES_EVERY_SECONDS, Count, Leaks
from activities.protocols import GatewayError
from environments import labels
from environments.names import environment_namespace, environment_namespace_prefix
from gateways.cluster.fake import InMemoryCluster
from gateways.registry.fake import InMemoryRegistry

OURS = {labels.MANAGED_BY: labels.MANAGER, labels.TEAM: "ada", labels.PROJECT: "shop"}


def namespace(name: str, type: str) -> dict[str, Any]:
    marks = OURS | {labels.NAMESPACE_TYPE: type}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": marks}}


def resource(name: str) -> dict[str, Any]:
    return {
        "apiVersion": labels.API_VERSION,
        "kind": "Environment",
        "metadata": {"namespace": "ada-shop", "name": name, "finalizers": [labels.FINALIZER]},
        "spec": {},
    }


def volume(name: str, claimed_in: str) -> dict[str, Any]:
    claim = {"namespace": claimed_in, "name": "workspace"}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {"claimRef": claim}}


class Platform:
    """With one living environment, and things that are none of ours."""

    def __init__(self) -> None:
        self.cluster, self.registry = InMemoryCluster(), InMemoryRegistry()
        self.counts = {kind: Count(each.lasts_seconds) for kind, each in COUNTS.items()}
        self.leaks = Leaks(self.cluster, self.registry, self.counts)

    async def make(self) -> "Platform":
        await self.cluster.create(namespace("ada-shop", "project"))
        await self.cluster.create(resource("pr-1"))
        await self.leave("ada-shop-pr-1")
        stranger = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "stranger"}}
        await self.cluster.create(stranger)
        await self.cluster.create(volume("strangers", "stranger"))
        self.registry.push("catalyst/shell", "1")
        return self

    async def leave(self, name: str) -> None:
        """A namespace, a volume and images."""
        await self.cluster.create(namespace(name, "environment"))
        await self.cluster.create(volume(f"volume-of-{name}", name))
        self.registry.push(f"{name}/web", "1")

    async def look(self) -> dict[str, float]:
        await self.leaks.look()
        return {kind: each.now() for kind, each in self.counts.items()}


@pytest.fixture
async def platform() -> Platform:
    return await Platform().make()


NONE = {"namespace": 0, "volume": 0, "repository": 0}


async def test_what_lives_or_is_others_is_no_leak(platform: Platform) -> None:
    assert await platform.look() == NONE


async def test_what_no_resource_accounts_for_is_one(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    await platform.leave("ada-shop-pr-2")
    assert await platform.look() == {"namespace": 1, "volume": 1, "repository": 1}
    for name in ("ada-shop-pr-2", "volume-of-ada-shop-pr-2", "ada-shop-pr-2/web"):
        assert name in caplog.text


async def test_volumes_and_images_are_found_without_their_namespace(platform: Platform) -> None:
    await platform.cluster.create(volume("left", "ada-shop-pr-3"))
    platform.registry.push("ada-shop-pr-3/web", "1")
    assert await platform.look() == {"namespace": 0, "volume": 1, "repository": 1}


async def test_a_teardown_under_way_is_no_leak(platform: Platform) -> None:
    """The resource stays until its finalizer is off."""
    await platform.cluster.delete(namespace_ref("ada-shop-pr-1"))
    assert await platform.look() == NONE


async def test_one_that_goes_between_two_looks_is_no_leak(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    await platform.leave("ada-shop-pr-2")
    living = Leaks._living

    async def goes(leaks: Leaks) -> set[str]:
        found = await living(leaks)
        await platform.cluster.delete(namespace_ref("ada-shop-pr-2"))
        return found

    monkeypatch.setattr(Leaks, "_living", goes)
    assert (await platform.look())["namespace"] == 0


async def test_images_are_looked_for_every_hour_only(platform: Platform) -> None:
    await platform.look()
    platform.registry.push("ada-shop-pr-3/web", "1")
    assert (await platform.look())["repository"] == 0
    platform.counts["repository"].at -= IMAGES_EVERY_SECONDS
    assert (await platform.look())["repository"] == 1


async def test_a_system_that_is_down_is_no_error_and_what_was_known_becomes_unknown(platform: Platform) -> None:
    await platform.look()
    platform.cluster.fail_next("list", GatewayError("down"), times=10)
    platform.counts["repository"].at -= IMAGES_EVERY_SECONDS
    platform.registry.fail_next("repositories", GatewayError("down"), times=10)
    assert await platform.look() == NONE
    for each in platform.counts.values():
        each.at -= each.lasts_seconds
    assert all(math.isnan(value) for value in (await platform.look()).values())


def test_the_gauge_is_what_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(COUNTS["volume"], "value", 3)
    monkeypatch.setattr(COUNTS["volume"], "at", math.inf)
    assert REGISTRY.get_sample_value("catalyst_leaks", {"kind": "volume"}) == 3


@pytest.mark.parametrize("parts", [("ada", "shop", "pr-1"), ("a" * 30, "b" * 40, "pr-1"), ("a" * 60, "b", "x" * 60)])
def test_every_environment_namespace_of_a_project_begins_alike(parts: tuple[str, str, str]) -> None:
    assert environment_namespace(*parts).startswith(environment_namespace_prefix(*parts[:2]).rstrip("-"))
