"""Twenty pull requests at once, and what they cost while nothing happens to them."""

import hashlib
import hmac
import json
import os
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from deploy.demo.floor import ASK_MANY_SECONDS, applied_together
from deploy.demo.platform import NotAsExpected, Platform, eventually, host_of
from deploy.demo.pull_request import PullRequest, sample
from tests.bench.lives import WELCOME, pull_request
from tests.bench.series import Measured
from tests.e2e.machine import Machine
from worker.schedule import SCHEDULE_ID

MANY = 20
AT_ONCE = "20 pull requests at once: webhooks to the last URL"
IDLE_CPU, IDLE_MEMORY = "idle with 20 open pull requests: CPU of worker and API", "idle: memory of worker and API"
IDLE_SECONDS = 60
SETTLE_SECONDS = 20
LAST_URL_SECONDS = 240
PROGRAMS = ("worker", "api")
TICKS = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1 << 20


def crowd(platform: Platform, measured: Measured) -> None:
    changes = _opened_unheard(platform)
    began = time.time()
    _say_opened(platform, changes)
    seconds = _all_answer(platform, [each.namespace for each in changes]) - began
    for each in changes:
        each.reached("Ready")
    measured.note(AT_ONCE, seconds, applied_together(platform, [each.namespace for each in changes], WELCOME))
    _idle(platform, measured)
    for each in changes:
        each.close()
    for each in changes:
        each.gone()
        each.remove_repository()


def _opened_unheard(platform: Platform) -> list[PullRequest]:
    """With the API stopped and Reconcile paused, so that all twenty webhooks can come at one moment."""
    machine = Machine(platform.local)
    with _paused(machine):
        machine.stop("api")
        try:
            changes = [pull_request(platform, "crowd") for _ in range(MANY)]
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(lambda each: each.open(sample("prebuilt")), changes))
        finally:
            machine.start("api")
        eventually(lambda: _is_ready(platform), 60, lambda: "The API did not come back.")
    return changes


@contextmanager
def _paused(machine: Machine) -> Iterator[None]:
    machine.temporal("schedule", "toggle", "--schedule-id", SCHEDULE_ID, "--pause", "--reason", "bench")
    try:
        yield
    finally:
        machine.temporal("schedule", "toggle", "--schedule-id", SCHEDULE_ID, "--unpause", "--reason", "bench")


def _is_ready(platform: Platform) -> bool:
    try:
        return httpx.get(f"{platform.local['api_url']}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _say_opened(platform: Platform, changes: list[PullRequest]) -> None:
    with httpx.Client(timeout=30, trust_env=False) as client, ThreadPoolExecutor(MANY) as threads:
        answers = list(threads.map(lambda each: _webhook(client, platform, each), changes))
    if wrong := [answer.text for answer in answers if answer.status_code != 202]:
        raise NotAsExpected(f"The API refused {len(wrong)} webhooks: {wrong[0][:300]}")


def _webhook(client: httpx.Client, platform: Platform, change: PullRequest) -> httpx.Response:
    """As the forge sends it, with as much as the product reads."""
    repository = {"id": change.repository_id, "full_name": f"{change.owner}/{change.name}"}
    payload = {"action": "opened", "number": change.number, "pull_request": {"number": change.number}}
    body = json.dumps(payload | {"repository": repository, "sender": {"login": "bench"}}).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Gitea-Event": "pull_request",
        "X-Gitea-Delivery": str(uuid.uuid4()),
        "X-Gitea-Signature": hmac.new(platform.local["webhook_secret"].encode(), body, hashlib.sha256).hexdigest(),
    }
    return client.post(platform.local["webhook_url"], content=body, headers=headers)


def _all_answer(platform: Platform, namespaces: list[str]) -> float:
    """When the last of them did."""
    waiting = set(namespaces)

    def look() -> bool:
        waiting.difference_update([each for each in waiting if WELCOME in platform.page(host_of(each))])
        return not waiting

    eventually(look, LAST_URL_SECONDS, lambda: f"{sorted(waiting)} never answered.", ASK_MANY_SECONDS)
    return time.time()


def _idle(platform: Platform, measured: Measured) -> None:
    time.sleep(SETTLE_SECONDS)
    machine = Machine(platform.local)
    pids = [machine.outer_pid(name) for name in PROGRAMS]
    before, began = sum(map(_cpu_seconds, pids)), time.monotonic()
    time.sleep(IDLE_SECONDS)
    used = sum(map(_cpu_seconds, pids)) - before
    measured.note(IDLE_CPU, 100 * used / (time.monotonic() - began))
    measured.note(IDLE_MEMORY, sum(map(_resident, pids)) / MEBIBYTE)


def _cpu_seconds(pid: int) -> float:
    """Of the process with all its threads, user and system."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident(pid: int) -> int:
    """Bytes."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
