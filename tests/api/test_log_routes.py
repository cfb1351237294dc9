"""Logs as text: stored ones, growing ones, and live from the cluster."""

import asyncio

import pytest

from activities.protocols import Kind, ObjectRef
from api.logs import CUT, LIVE_BYTES, LIVE_LINES, _follow
from environments import labels
from environments.model import Phase
from tests.api.conftest import Api
from tests.api.test_environments import PREVIEW, row
from tests.patience import PATIENCE_SECONDS


def url(log: str, query: str = "") -> str:
    return f"/api/v1/environments/{PREVIEW}/logs/{log}{query}"


@pytest.fixture
async def preview(api: Api) -> Api:
    await api.parts.index.put(row())
    for rollout, text in ((2, b"older\n"), (3, b"one\ntwo\nthree\n")):
        with api.parts.logs.open(f"{PREVIEW}/{rollout}/build") as log:
            log.write(text)
    return api


async def test_the_newest_rollouts_log_is_told(preview: Api) -> None:
    answer = await preview.client.get(url("build"))
    assert (answer.status_code, answer.text) == (200, "one\ntwo\nthree\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_older_rollouts_log_and_the_last_lines(preview: Api) -> None:
    assert (await preview.client.get(url("build", "?rollout=2"))).text == "older\n"
    assert (await preview.client.get(url("build", "?tail=2"))).text == "two\nthree\n"
    assert (await preview.client.get(url("build", "?tail=1&follow=true"))).text == "three\n"


async def test_refused_hosts_are_a_log_too(preview: Api) -> None:
    preview.parts.logs.append(f"{PREVIEW}/3/egress", b"api.example.com was refused\n")
    assert (await preview.client.get(url("egress"))).text == "api.example.com was refused\n"


async def test_a_log_outlives_its_environment(preview: Api) -> None:
    await preview.parts.index.remove(PREVIEW, "u1")
    assert (await preview.client.get(f"/api/v1/environments/{PREVIEW}")).json()["phase"] == Phase.DELETED
    assert (await preview.client.get(url("build"))).text == "one\ntwo\nthree\n"


async def test_a_cut_log_is_told_with_its_end(preview: Api) -> None:
    with preview.parts.logs.open(f"{PREVIEW}/3/build") as log:
        for each in range(10_000):
            log.write(b"%d\n" % each + b"x" * 999 + b"\n")
    text = (await preview.client.get(url("build"))).text
    assert text.startswith("0\nxxx")
    assert "passed its limit" in text
    assert text.endswith("9999\n" + "x" * 999 + "\n")


async def test_a_missing_log_is_said_with_those_that_there_are(preview: Api) -> None:
    answer = await preview.client.get(url("build", "?rollout=9"))
    assert (answer.status_code, answer.json()["reason"]) == (404, "NoSuchLog")
    assert "2, 3" in answer.json()["message"]
    assert (await preview.client.get(url("other"))).status_code == 422


async def test_a_growing_log_is_followed_to_its_end(preview: Api) -> None:
    with preview.parts.logs.open(f"{PREVIEW}/3/install") as log:
        log.write(b"begins\n")
        reading = asyncio.create_task(_collect(preview, f"{PREVIEW}/3/install"))
        await asyncio.sleep(0.1)
        log.write(b"goes on\n")
    assert await asyncio.wait_for(reading, PATIENCE_SECONDS) == b"begins\ngoes on\n"


async def _collect(api: Api, log_id: str) -> bytes:
    return b"".join([chunk async for chunk in _follow(api.parts.logs, log_id, None)])


# --- live from the cluster ---------------------------------------------------------------------------------------


async def run_pod(api: Api, name: str, rollout: int | None, phase: str = "Running") -> None:
    """`rollout`: None for a development pod, which outlives them."""
    marks = {labels.MANAGED_BY: labels.MANAGER} | ({} if rollout is None else {labels.ROLLOUT: str(rollout)})
    metadata = {"name": name, "namespace": PREVIEW, "labels": marks}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "app"}]}}
    await api.cluster.create(pod)
    ref = ObjectRef(Kind("v1", "Pod"), PREVIEW, name)
    api.cluster.set_status(ref, {"phase": phase, "containerStatuses": [{"name": "app"}]})
    api.cluster.write_log(PREVIEW, name, "app", f"{name} says\nhello\n".encode())


@pytest.fixture
async def running(preview: Api) -> Api:
    preview.cluster.pods_become_ready = False
    await preview.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PREVIEW}})
    await run_pod(preview, "old", rollout=2)
    await run_pod(preview, "new", rollout=3)
    await run_pod(preview, "evicted", rollout=3, phase="Failed")
    return preview


async def test_the_container_of_the_newest_rollout_is_read_live(running: Api) -> None:
    assert (await running.client.get(url("container"))).text == "new says\nhello\n"
    assert (await running.client.get(url("container", "?tail=1"))).text == "hello\n"
    assert (await running.client.get(url("container", "?rollout=2"))).text == "old says\nhello\n"


async def test_a_flood_of_output_is_told_by_its_last_lines(running: Api) -> None:
    running.cluster.write_log(PREVIEW, "new", "app", b"".join(b"line %d\n" % each for each in range(LIVE_LINES)))
    lines = (await running.client.get(url("container"))).text.splitlines()
    assert len(lines) == LIVE_LINES and lines[-1] == f"line {LIVE_LINES - 1}"


async def test_lines_without_end_are_cut_and_that_is_said(running: Api) -> None:
    running.cluster.write_log(PREVIEW, "new", "app", b"x" * (LIVE_BYTES + 1))
    answer = (await running.client.get(url("container"))).content
    assert len(answer) == LIVE_BYTES + len(CUT) and answer.endswith(CUT)


async def test_the_pod_of_development_mode_is_read_whatever_the_rollout(preview: Api) -> None:
    preview.cluster.pods_become_ready = False
    await preview.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PREVIEW}})
    await run_pod(preview, "living", rollout=None)
    answer = await preview.client.get(f"/api/v1/environments/{PREVIEW}/logs/container")
    assert answer.text == "living says\nhello\n"


async def test_following_a_container_ends_with_its_pod(running: Api) -> None:
    reading = asyncio.create_task(running.client.get(url("container", "?follow=true")))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "pod_log" not in [operation for operation, _ in running.cluster.calls]:
            await asyncio.sleep(0.01)
    running.cluster.write_log(PREVIEW, "new", "app", b"more\n")
    await asyncio.sleep(0.1)  # the fake looks for more every 10 ms
    await running.cluster.delete(ObjectRef(Kind("v1", "Pod"), PREVIEW, "new"))
    assert (await asyncio.wait_for(reading, PATIENCE_SECONDS)).text == "new says\nhello\nmore\n"


async def test_without_a_pod_the_stored_container_log_is_told(preview: Api) -> None:
    with preview.parts.logs.open(f"{PREVIEW}/3/container") as log:
        log.write(b"its last words\n")
    assert (await preview.client.get(url("container"))).text == "its last words\n"
