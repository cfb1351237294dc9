"""The product's role grants what a life of a preview asks for, and nothing else (every other workflow test runs under it too)."""

from activities.protocols import Kind
from activities.teardown import MAKERS
from environments.deployment import render
from environments.model import Phase
from environments.permissions import NAMED
from environments.work import OverrideRequest
from tests.unit.test_deployment import METHODS, request_for
from tests.workflows.world import NODE, A, B, C, World

Right = tuple[str, str, str]
"""Verb, API group, kind with subresource."""


def granted() -> set[Right]:
    """But for what every kind in a namespace is open to (permissions.CONTENT)."""
    return {
        (verb, each.group, "/".join([each.kind, *each.resource.split("/")[1:]]))
        for each in NAMED
        for verb in each.verbs
    }


def rendering() -> set[Right]:
    """What some template renders to is applied and, once another template doesn't, pruned."""
    requests = [request_for(method).model_copy(update={"ca_bundle": "PEM"}) for method in METHODS]
    objects = [obj for request in requests for obj in render(request)]
    return {
        (verb, obj["apiVersion"].rpartition("/")[0], obj["kind"]) for obj in objects for verb in ("create", "delete")
    }


async def put(world: World, kind: Kind, namespace: str) -> None:
    metadata = {"namespace": namespace, "name": "of-the-owner"}
    await world.cluster.create({"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata})


async def test_no_right_is_granted_that_nothing_asks_for(world: World) -> None:
    await world.close_outside()
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    await preview.pull_request_workflow.execute_update("override", OverrideRequest(by="ada", env={"A": "1"}))
    await preview.push(B)
    await preview.becomes(Phase.READY, B)
    await preview.push(C, NODE)
    await preview.becomes(Phase.READY, C)
    for kind in (*MAKERS[1:], Kind("v1", "PersistentVolumeClaim"), Kind("v1", "Pod")):
        await put(world, kind, preview.namespace)
    await preview.close()
    await preview.is_over()
    await world.reconcile()
    await world.stop_worker()
    assert granted() - world.asked - rendering() == set()
    assert rendering() <= granted()
