"""A preview where the outside is closed: its pods and its build are told the way that its project has, and no other is open."""

import asyncio

from environments import labels
from environments.model import Phase
from tests.workflows.world import NODE, PROXY, A, B, Preview, World


def way_out(preview: Preview) -> list[tuple[str, int]]:
    """What its network policy opens by address, but for the ingress."""
    (policy,) = preview.objects("NetworkPolicy")
    blocks = [(peer["ipBlock"], rule) for rule in policy["spec"]["egress"] for peer in rule["to"] if "ipBlock" in peer]
    return [(block["cidr"], rule["ports"][0]["port"]) for block, rule in blocks]


async def test_a_preview_gets_out_by_its_projects_port(world: World) -> None:
    await world.close_outside()
    first, second = await world.open(), await world.open(name="web")
    for preview in (first, second):
        await preview.becomes(Phase.READY, A)
    ports = {each.port for each in world.forward_proxy.projects.values()}
    assert len(ports) == 2
    for preview in (first, second):
        ((address, port),) = way_out(preview)
        assert address == "10.0.0.9/32" and port in ports
        ports.remove(port)
        assert preview.env("HTTPS_PROXY") == f"http://10.0.0.9:{port}"
        (built,) = [each for each in world.builder.requests if each.repository.startswith(f"{preview.namespace}/")]
        token = world.forward_proxy.projects[port].token
        told = f"http://{port}.{token}.{preview.namespace}:x@10.0.0.9:{PROXY.first_port}"
        assert built.arguments["HTTPS_PROXY"] == told and built.hosts is not None and "pypi.org" in built.hosts


async def test_a_development_pod_gets_out_by_it_too_and_a_push_doesnt_replace_it(world: World) -> None:
    await world.close_outside()
    preview = await world.open(NODE)
    await preview.becomes(Phase.READY, A)
    ((_, port),) = way_out(preview)
    assert preview.env("https_proxy") == f"http://10.0.0.9:{port}" and preview.env("NODE_USE_ENV_PROXY") == "1"
    (before,) = preview.objects("Pod")
    await preview.push(B, NODE)
    await preview.becomes(Phase.READY, B)
    (after,) = preview.objects("Pod")
    assert before["metadata"]["uid"] == after["metadata"]["uid"]


async def test_nothing_runs_before_its_way_out_is_known_and_then_it_goes_on(world: World) -> None:
    await world.close_outside(is_followed=False)
    preview = await world.open()
    await world.until(lambda: preview.namespace_object is not None)
    await asyncio.sleep(0.5)
    assert preview.objects("Deployment") == [], "what would its network policy be?"
    await world.follow_egress()
    await preview.becomes(Phase.READY, A)


async def test_a_list_that_changes_needs_no_rollout(world: World) -> None:
    await world.close_outside()
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    ((_, port),) = way_out(preview)
    (project,) = world.cluster.objects("Project", world.team)
    spec = {"egress": {"allowedHosts": ["api.example.com"]}}
    ours = {"apiVersion": labels.API_VERSION, "kind": "Project", "spec": spec}
    ours |= {"metadata": {name: project["metadata"][name] for name in ("namespace", "name")}}
    await world.cluster.apply(ours, manager="people")
    await world.until(lambda: world.forward_proxy.projects[port].hosts == ("api.example.com",))
    assert preview.report.rollout == 1


async def test_where_it_is_open_nobody_is_told_of_a_proxy(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    assert preview.env("HTTPS_PROXY") is None and world.builder.requests[0].arguments == {}
    assert world.cluster.objects("ConfigMap", "catalyst-system") == []
