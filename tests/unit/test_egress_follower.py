"""The egress process on a cluster in memory: who gets which port, what the proxy is told, whose log a refusal lands in."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from activities.egress import PORTS, BuildEgress, Egress, NoPort
from activities.kinds import NAMESPACE, PROJECT, namespace_ref, project_ref
from activities.protocols import ClusterConflict, ObjectRef
from egress.follower import Follower
from egress.telling import MORE, MOST_HOSTS, PAUSE_SECONDS, Pauses, Telling
from environments import labels
from environments.egress import Builder, Proxy, Refused, build_token
from environments.isolation import environment_namespace_object
from environments.model import (
    CommitSha,
    EnvironmentIdentity,
    EnvironmentKey,
    EnvironmentUid,
    KubernetesObject,
    NamespaceName,
)
from environments.permissions import HOME, allows
from environments.work import RolloutRequest, Target
from gateways.cluster.authorized import AuthorizedCluster
from gateways.cluster.errors import ClusterUnavailable
from gateways.cluster.fake import InMemoryCluster
from gateways.proxy.fake import InMemoryProxy
from gateways.proxy.refusals import Refusal
from gateways.proxy.squid import ProxyBroken
from store.logs import FileLogs
from tests.patience import PATIENCE_SECONDS

PROXY = Proxy(address="10.0.0.9", first_port=20000, ports=3, secret="s", defaults=("pypi.org",))


class World:
    def __init__(self, folder: Path, proxy: Proxy = PROXY) -> None:
        self.cluster = InMemoryCluster()
        # As the product's account may: nothing here needs more.
        own = AuthorizedCluster(self.cluster, allows)
        self.forward = InMemoryProxy()
        self.follower = Follower(own, proxy, self.forward)
        self.logs = FileLogs(folder)
        self.now = 0.0
        self.telling = Telling(own, self.logs, lambda: self.follower.state, Pauses(lambda: self.now))
        self.egress = Egress(own, proxy, patience=0.05)

    async def project(self, name: str, team: str = "team", **egress: Any) -> None:
        for namespace in {team} - {obj["metadata"]["name"] for obj in self.cluster.objects("Namespace")}:
            await self.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        spec = {"sources": [{"name": "main"}]} | ({"egress": egress} if egress else {})
        metadata = {"namespace": team, "name": name}
        await self.cluster.apply(
            {"apiVersion": PROJECT.api_version, "kind": "Project", "metadata": metadata, "spec": spec}, manager="people"
        )

    async def environment(self, project: str, name: str = "pr-1", rollout: int = 1) -> RolloutRequest:
        request = rollout_of(project, name, rollout)
        await self.cluster.apply(
            environment_namespace_object(
                request.identity, request.namespace, request.uid, request.key, rollout, "change", f"{name}.localhost"
            ),
            manager=labels.MANAGER,
        )
        return request

    async def pod(self, namespace: str, address: str) -> None:
        metadata = {"namespace": namespace, "name": f"p-{address}"}
        await self.cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}})
        self.cluster.set_status(
            ObjectRef(PORTS.kind._replace(kind="Pod"), namespace, f"p-{address}"), {"podIP": address}
        )

    def told(self) -> dict[str, str]:
        """What the ConfigMap says."""
        found = [obj for obj in self.cluster.objects("ConfigMap", HOME) if obj["metadata"]["name"] == PORTS.name]
        return dict(found[0]["data"]) if found else {}

    def hosts(self, port: int) -> tuple[str, ...]:
        return self.forward.projects[port].hosts

    async def refuse(self, source: str, port: int, host: str, builder: Builder | None = None, to: int = 443) -> None:
        await self.telling.tell(Refusal(source, port, builder, Refused(host, to, False)))

    def log(self, namespace: str, rollout: int = 1) -> list[str]:
        return self.logs.tail(f"{namespace}/{rollout}/egress", 1000).splitlines()


def rollout_of(project: str, name: str = "pr-1", rollout: int = 1) -> RolloutRequest:
    identity = EnvironmentIdentity(team="team", project=project, environment=name)
    return RolloutRequest(
        key=EnvironmentKey(namespace=NamespaceName(f"team-{project}"), name=name),
        identity=identity,
        namespace=NamespaceName(f"team-{project}-{name}"),
        uid=EnvironmentUid("u"),
        rollout=rollout,
        target=Target(sha=CommitSha("a" * 40), branch="change", retry=0, settings=""),
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- following the Projects --------------------------------------------------------------------------------------


async def test_each_project_has_a_port_with_its_list(world: World) -> None:
    await world.project("shop")
    await world.project("web", allowedHosts=["default", "api.example.com"])
    await world.follower.sync()
    assert world.told() == {"team.shop": "20001", "team.web": "20002"}
    assert world.hosts(20001) == ("pypi.org",) and world.hosts(20002) == ("api.example.com", "pypi.org")
    assert world.forward.projects[20001].token == build_token(PROXY, "team.shop")
    assert world.forward.outside is not None and world.forward.outside.platform.hosts == ("pypi.org",)


async def test_a_changed_list_is_the_proxys_and_ports_stay(world: World) -> None:
    await world.project("shop", allowedHosts=["a.example.com"])
    await world.follower.sync()
    await world.project("art", allowedHosts=[])
    await world.project("shop", allowedHosts=["b.example.com"])
    await world.follower.sync()
    assert world.told() == {"team.art": "20002", "team.shop": "20001"}
    assert world.hosts(20001) == ("b.example.com",) and world.hosts(20002) == ()


async def test_a_port_outlives_its_project_while_an_environment_is_left_and_lets_nothing_out(world: World) -> None:
    await world.project("shop")
    request = await world.environment("shop")
    await world.follower.sync()
    await world.cluster.delete(project_ref(NamespaceName("team"), "shop"))
    await world.project("web")
    await world.follower.sync()
    assert world.told() == {"team.shop": "20001", "team.web": "20002"} and world.hosts(20001) == ()
    await world.cluster.delete(namespace_ref(request.namespace))
    await world.follower.sync()
    assert world.told() == {"team.web": "20002"} and set(world.forward.projects) == {20002}


async def test_nobody_is_told_of_a_port_before_it_is_open(world: World) -> None:
    await world.project("shop")
    world.forward.fail_next("apply", ProxyBroken("squid doesn't listen"))
    with pytest.raises(ProxyBroken):
        await world.follower.sync()
    assert world.told() == {}


async def test_a_port_is_taken_from_the_list_before_it_is_anothers(world: World) -> None:
    await world.project("shop")
    await world.follower.sync()
    await world.cluster.delete(project_ref(NamespaceName("team"), "shop"))
    await world.project("web")
    world.forward.fail_next("apply", ProxyBroken("squid doesn't listen"))
    with pytest.raises(ProxyBroken):
        await world.follower.sync()
    assert world.told() == {}
    await world.follower.sync()
    assert world.told() == {"team.web": "20001"}


async def test_what_another_process_gave_away_meanwhile_stands(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.project("shop")
    await world.follower.sync()
    await world.project("web")
    apply = world.forward.apply

    async def slowly(*given: Any) -> None:
        await apply(*given)
        await world.cluster.patch(PORTS, {"data": {"team.art": "20002"}})

    monkeypatch.setattr(world.forward, "apply", slowly)
    with pytest.raises(ClusterConflict):
        await world.follower.sync()
    assert world.told() == {"team.art": "20002", "team.shop": "20001"}


async def test_what_makes_no_sense_in_the_list_is_put_right(world: World) -> None:
    await world.project("shop")
    await world.follower.sync()
    await world.cluster.patch(PORTS, {"data": {"team.shop": "22", "x": "20001", "y": "nonsense"}})
    await world.follower.sync()
    assert world.told() == {"team.shop": "20001"}
    await world.cluster.delete(PORTS)
    await world.follower.sync()
    assert world.told() == {"team.shop": "20001"}


async def test_a_platform_with_too_many_projects_says_so(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for name in "abcd":
        await world.project(name)
    await world.follower.sync()
    assert set(world.told()) == {"team.a", "team.b", "team.c"}
    assert "team/d has none: raise CATALYST_PROXY__PORTS" in caplog.text


async def test_what_is_closed_comes_from_the_cluster(world: World) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "spec": {"podCIDRs": ["10.244.0.0/24"]}}
    await world.cluster.create(node)
    status = {"addresses": [{"type": "InternalIP", "address": "192.0.2.7"}]}
    world.cluster.set_status(ObjectRef(PORTS.kind._replace(kind="Node"), None, "n"), status)
    world.follower.closed = ("10.0.0.0/8",)
    await world.follower.sync()
    assert world.forward.outside is not None
    assert set(world.forward.outside.closed) == {"10.0.0.0/8", "10.244.0.0/24", "192.0.2.7"}


@asynccontextmanager
async def following(world: World) -> AsyncIterator[None]:
    task = asyncio.create_task(world.follower.follow())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


async def test_changes_are_followed_and_failures_outlived(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("egress.follower.AGAIN_SECONDS", 0.01)
    world.cluster.fail_next("list", ClusterUnavailable("away"), times=3)
    world.forward.fail_next("apply", ProxyBroken("squid doesn't listen"))
    async with following(world):
        await world.project("shop")
        await until(lambda: "team.shop" in world.told())
        await world.project("shop", allowedHosts=["a.example.com"])
        await until(lambda: world.hosts(20001) == ("a.example.com",))
        await world.environment("shop")
        await until(lambda: world.follower.state.namespaces == {"team-shop-pr-1": "team.shop"})
        await world.cluster.delete(project_ref(NamespaceName("team"), "shop"))
        await until(lambda: world.hosts(20001) == ())
    assert world.cluster.watchers == 0


# --- what rollouts read of it ------------------------------------------------------------------------------------


async def test_a_rollout_learns_its_projects_port(world: World) -> None:
    await world.project("shop")
    await world.follower.sync()
    request = rollout_of("shop")
    assert await world.egress.port(request.identity) == 20001
    variables = await world.egress.variables(request)
    assert variables["HTTPS_PROXY"] == "http://10.0.0.9:20001"
    assert {"web", "team-shop-pr-1.localhost"} <= set(variables["NO_PROXY"].split(","))


async def test_a_new_projects_port_is_waited_for(world: World) -> None:
    waiting = Egress(world.cluster, PROXY, patience=PATIENCE_SECONDS)
    task = asyncio.create_task(waiting.port(rollout_of("shop").identity))
    await world.project("shop")
    await world.follower.sync()
    assert await task == 20001


async def test_without_a_port_it_is_said_whose_matter_that_is(world: World) -> None:
    with pytest.raises(NoPort, match=r"no port for the project team/shop .*`python -m egress`") as caught:
        await world.egress.variables(rollout_of("shop"))
    assert caught.value.retryable


async def test_a_build_gets_out_by_the_list_of_where_it_lies(world: World) -> None:
    await world.project("shop", allowedHosts=["a.example.com"])
    await world.follower.sync()
    found = await world.egress.of_build(rollout_of("shop"))
    assert found.hosts == ("a.example.com",)
    assert found.arguments["HTTPS_PROXY"] == (
        f"http://20001.{build_token(PROXY, 'team.shop')}.team-shop-pr-1:x@10.0.0.9:20000"
    )
    await world.cluster.delete(project_ref(NamespaceName("team"), "shop"))
    assert (await world.egress.of_build(rollout_of("shop"))).hosts == ()


async def test_where_everything_is_open_nothing_is_asked(world: World) -> None:
    egress = Egress(world.cluster)
    request = rollout_of("shop")
    assert (await egress.port(request.identity), await egress.variables(request)) == (None, {})
    assert await egress.of_build(request) == BuildEgress() and world.cluster.calls == []


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def running(world: World) -> World:
    """Two environments of one project and one of another, each with a pod."""
    for project, name, address in (
        ("shop", "pr-1", "10.1.0.1"),
        ("shop", "pr-2", "10.1.0.2"),
        ("web", "pr-1", "10.1.0.3"),
    ):
        await world.project(project)
        request = await world.environment(project, name)
        await world.pod(request.namespace, address)
    await world.follower.sync()
    return world


async def test_a_refusal_is_told_in_the_log_of_whose_pod_it_was(running: World) -> None:
    await running.refuse("10.1.0.2", 20001, "api.example.com")
    (line,) = running.log("team-shop-pr-2")
    assert "api.example.com was refused" in line and "Project team/shop" in line and "allowedHosts" in line
    assert running.log("team-shop-pr-1") == running.log("team-web-pr-1") == []


async def test_a_builds_refusal_is_its_own_environments(running: World) -> None:
    await running.refuse("10.9.9.9", 20000, "api.example.com", Builder(20001, "team-shop-pr-1"))
    assert len(running.log("team-shop-pr-1")) == 1


async def test_a_build_cant_write_into_another_projects_log(running: World) -> None:
    for namespace in ("team-web-pr-1", "nowhere", "kube-system"):
        await running.refuse("10.9.9.9", 20000, "api.example.com", Builder(20001, namespace))
    assert running.logs.ids() == []


async def test_who_isnt_known_is_told_nowhere(running: World) -> None:
    await running.refuse("10.1.0.3", 20001, "api.example.com")  # another project's pod
    await running.refuse("10.1.0.9", 20001, "api.example.com")
    await running.refuse("10.1.0.1", 20003, "api.example.com")  # nobody's port
    assert running.logs.ids() == []


async def test_it_lands_in_the_newest_rollout_and_not_in_one_that_is_torn_down(running: World) -> None:
    await running.environment("shop", "pr-1", rollout=4)
    await running.refuse("10.1.0.1", 20001, "api.example.com")
    assert len(running.log("team-shop-pr-1", 4)) == 1
    fence = {"metadata": {"annotations": {labels.FENCE: labels.DELETING}}}
    await running.cluster.patch(ObjectRef(NAMESPACE, None, "team-shop-pr-1"), fence)
    await running.refuse("10.1.0.1", 20001, "other.example.com")
    assert running.logs.ids() == ["team-shop-pr-1/4/egress"]


async def test_the_same_host_is_named_once_a_minute(running: World) -> None:
    for _ in range(5):
        await running.refuse("10.1.0.1", 20001, "api.example.com")
    await running.refuse("10.1.0.2", 20001, "api.example.com")
    assert len(running.log("team-shop-pr-1")) == len(running.log("team-shop-pr-2")) == 1
    running.now += PAUSE_SECONDS
    await running.refuse("10.1.0.1", 20001, "api.example.com")
    assert len(running.log("team-shop-pr-1")) == 2


async def test_a_flood_of_hosts_is_cut(running: World) -> None:
    for number in range(200):
        await running.refuse("10.1.0.1", 20001, f"h{number}.example.com")
    lines = running.log("team-shop-pr-1")
    assert len(lines) == MOST_HOSTS + 1 and lines[-1].endswith(MORE)
    await running.refuse("10.1.0.2", 20001, "h1.example.com")
    assert len(running.log("team-shop-pr-2")) == 1, "another environment's flood is not its own"


async def test_hostile_text_stays_on_its_line(running: World) -> None:
    await running.refuse("10.1.0.1", 20001, "a\n2026-01-01T00:00:00Z all is well\x1b[2J\u2028")
    (line,) = running.log("team-shop-pr-1")
    assert line.isprintable()


async def test_a_cluster_that_is_away_ends_nothing(running: World) -> None:
    class Twice:
        async def __aiter__(self) -> AsyncIterator[Refusal]:
            for host in ("lost.example.com", "told.example.com"):
                yield Refusal("10.1.0.1", 20001, None, Refused(host, 443, False))

    running.cluster.fail_next("list", ClusterUnavailable("away"))
    await running.telling.tell_all(Twice())
    (line,) = running.log("team-shop-pr-1")
    assert "told.example.com" in line


def test_a_project_object_is_what_the_cluster_keeps() -> None:
    """The keys of Project and environment meet, or a rollout would wait for a port that is another's."""
    from environments.egress import key_of_project, project_key

    project: KubernetesObject = {"metadata": {"namespace": "team", "name": "shop"}}
    assert key_of_project(project) == project_key(rollout_of("shop").identity)
