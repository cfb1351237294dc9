"""kill -9 of the worker, and webhooks that nobody heard: the right end all the same. These run alone."""

from functools import partial

import pytest

from tests.e2e.slow_build import is_in_long_step, slow_build
from tests.e2e.world import GONE_SECONDS, Platform, Preview, sample, until
from tests.patience import PATIENCE_SECONDS

RECONCILED_SECONDS = 90
AFTER_A_CRASH_SECONDS = 240
"""A lost activity is noticed by its heartbeat's silence, or by its time limit."""
EACH = 5


def _kill_worker(platform: Platform) -> None:
    """And wait until its supervisor has started it again."""
    machine = platform.machine
    before = machine.pid("worker")
    assert before is not None, f"the worker doesn't run:\n{machine.log_tail('worker')}"
    machine.kill("worker")

    def is_back() -> bool:
        return (machine.pid("worker") or before) != before

    until(is_back, PATIENCE_SECONDS, "the worker is back", lambda: machine.log_tail("worker"))


def test_worker_killed_during_a_build(platform_alone: Platform) -> None:
    preview = platform_alone.opened(slow_build("built in spite of it\n"))
    preview.becomes("Building")
    preview.until(lambda: is_in_long_step(preview), PATIENCE_SECONDS, "the build is in its long step")
    _kill_worker(platform_alone)
    assert preview.report()["phase"] == "Building", "the worker was killed too late: nothing was in progress"

    report = preview.becomes("Ready", within=AFTER_A_CRASH_SECONDS)
    preview.answers_only("built in spite of it")
    assert report["rollout"] == 1, "the attempt goes on instead of beginning anew"
    preview.says("Ready")
    preview.closed()
    preview.is_gone()


def test_worker_killed_during_a_build_that_a_close_ends(platform_alone: Platform) -> None:
    preview = platform_alone.opened(slow_build("never seen\n"))
    preview.becomes("Building")
    preview.until(lambda: is_in_long_step(preview), PATIENCE_SECONDS, "the build is in its long step")
    preview.closed()
    _kill_worker(platform_alone)
    preview.is_gone(within=AFTER_A_CRASH_SECONDS)
    preview.says("Torn down")


def test_worker_killed_during_a_teardown(platform_alone: Platform) -> None:
    preview = platform_alone.opened(sample("node"))
    preview.becomes("Ready")
    preview.closed()
    preview.until(lambda: preview.report().get("phase") == "Deleting", 60, f"{preview.namespace} is being deleted")
    assert preview.remains(), "the worker would be killed too late"
    _kill_worker(platform_alone)

    preview.is_gone(within=AFTER_A_CRASH_SECONDS)
    preview.says("Torn down", "Closed.")
    preview.has_status("success", "Torn down")


@pytest.fixture
def opened(platform_alone: Platform) -> list[Preview]:
    """Pull requests of one repository whose previews are Ready."""
    repository = platform_alone.repository()
    previews = [repository.opened(sample("prebuilt"), f"change-{n}") for n in range(2 * EACH)]
    for preview in previews:
        preview.becomes("Ready")
    return previews


def test_thirty_webhooks_that_nobody_heard(platform_alone: Platform, opened: list[Preview]) -> None:
    repository, machine = opened[0].repository, platform_alone.machine
    closed, pushed = opened[:EACH], opened[EACH:]
    heard = _heard(platform_alone, repository.id)
    machine.stop("api")
    try:
        for preview in closed:
            preview.closed()
        for preview in pushed:
            preview.pushed({"more.txt": "a first push"})
            preview.pushed({"more.txt": "a second push"})
        new = [repository.opened(sample("prebuilt"), f"new-{n}") for n in range(EACH)]
        brief = [repository.opened(sample("prebuilt"), f"brief-{n}") for n in range(EACH)]
        for preview in brief:
            preview.closed()
    finally:
        machine.start("api")
    until(platform_alone.is_answering, PATIENCE_SECONDS, "the API is ready", lambda: machine.log_tail("api"))

    def is_right() -> bool:
        return all(_is_ready(each) for each in (*pushed, *new)) and not _left(closed + brief)

    def evidence() -> str:
        reports = [(each.namespace, each.head[:7], each.report()) for each in (*pushed, *new)]
        wrong = [f"{name} at {head}: {report.get('phase')} {report}" for name, head, report in reports]
        return "\n".join([*_left(closed + brief), *wrong, machine.log_tail("worker")])

    until(is_right, RECONCILED_SECONDS, "everything is as the forge has it", evidence)
    assert _heard(platform_alone, repository.id) == heard, "the webhooks were to be lost, but some arrived"
    for preview in closed:
        preview.is_gone()
    for preview in brief:  # it had workflows only if Reconcile looked in its moment
        preview.until(partial(_is_over_if_it_was, preview), GONE_SECONDS, "its workflows have ended")


def _is_over_if_it_was(preview: Preview) -> bool:
    found = [workflow for each in preview.workflow_ids() if (workflow := preview.machine.workflow(each))]
    return all(str(each.get("status", "")).endswith("COMPLETED") for each in found)


def _is_ready(preview: Preview) -> bool:
    report = preview.report()
    return (report.get("phase"), report.get("deployed_commit")) == ("Ready", preview.head)


def _left(previews: list[Preview]) -> list[str]:
    """Namespaces and resources of theirs; two questions for all of them."""
    machine = previews[0].machine
    named = {each["metadata"]["name"] for each in machine.every("namespaces")}
    resources = {each["metadata"]["name"] for each in machine.every("environments", previews[0].home)}
    left = [f"Namespace {each.namespace}" for each in previews if each.namespace in named]
    return left + [f"Environment {each.resource.name}" for each in previews if each.resource.name in resources]


def _heard(platform: Platform, repository_id: int) -> int:
    """How many webhooks about its pull requests the API has stored."""
    query = "select count(*) from deliveries where event = 'pull_request' and json_extract(body, '$.repository.id') = ?"
    return int(platform.machine.rows(query, repository_id)[0][0])
