"""Which pull requests get a preview: the project's rules, requests that lift them, and a fork's approval (issue 6)."""

from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from environments.model import Phase
from environments.work import Request
from tests.workflows.world import A, B, Preview, World
from workflows.pull_request import PullRequestWorkflow

FORK = 999_999_999
"""Id of somebody else's repository."""


def rules(world: World, preview: Preview, text: str) -> None:
    """On the base branch."""
    world.forge.files[preview.repository.id, "main", ".catalyst.yaml"] = text


def ruled(world: World, text: str, **changes: Any) -> Preview:
    """A pull request of which nobody heard yet."""
    preview = world.opened_unheard()
    rules(world, preview, text)
    world.forge.change(preview.key, **changes)
    return preview


async def ask(preview: Preview, update: str, **request: Any) -> str:
    handle = preview.pull_request_workflow
    return str(await handle.execute_update(update, Request(by="ada", **request)))


class TestRules:
    async def test_a_draft_gets_its_preview_when_it_is_ready_for_review(self, world: World) -> None:
        preview = ruled(world, "previews: {drafts: never}", is_draft=True)
        await preview.hear_opened()
        await preview.comment_says("It is a draft")
        assert preview.resource is None
        await preview.status_becomes("success", A)
        world.forge.change(preview.key, is_draft=False)
        await preview.hear_changed()
        await preview.becomes(Phase.READY, A)

    async def test_one_that_no_longer_matches_is_torn_down_and_stays_open_for_more(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        rules(world, preview, "previews: {forbidLabels: wip}")
        world.forge.change(preview.key, labels=("wip",))
        await preview.hear_changed()
        await preview.comment_says("It has the label `wip`")
        await preview.is_gone()
        world.forge.change(preview.key, labels=())
        await preview.hear_changed()
        await preview.becomes(Phase.READY, A)

    async def test_a_request_lifts_what_yields(self, world: World) -> None:
        preview = ruled(world, "previews: {pullRequests: on-request}")
        await preview.hear_opened()
        await preview.comment_says("`/preview deploy`")
        await ask(preview, "deploy")
        await preview.becomes(Phase.READY, A)
        await preview.push(B)
        await preview.becomes(Phase.READY, B)

    async def test_a_pull_request_cannot_loosen_its_own_rules(self, world: World) -> None:
        preview = ruled(world, "previews: {pullRequests: never}")
        preview.push_unheard(B, {"Dockerfile": "FROM busybox:1.35\n", ".catalyst.yaml": "previews: {}\n"})
        await preview.hear_opened()
        await preview.comment_says("Previews are off for this project")
        assert preview.resource is None

    async def test_only_changes_that_matter(self, world: World) -> None:
        preview = ruled(world, "previews: {watch: [web]}")
        world.forge.changed[preview.key] = ("docs/a.md",)
        await preview.hear_opened()
        await preview.comment_says("It changes nothing of `web`")
        world.forge.changed[preview.key] = ("docs/a.md", "web/a.js")
        await preview.push(B)
        await preview.becomes(Phase.READY, B)

    async def test_rules_that_cannot_be_read_are_told_and_take_nothing_away(self, world: World) -> None:
        preview = ruled(world, "previews: {drafts: sometimes}")
        await preview.hear_opened()
        await preview.becomes(Phase.READY, A)
        await preview.comment_says("previews.drafts")

    async def test_closed_while_it_is_refused(self, world: World) -> None:
        preview = ruled(world, "previews: {drafts: never}", is_draft=True)
        await preview.hear_opened()
        await preview.comment_says("It is a draft")
        await preview.close()
        await preview.is_over()


async def test_one_without_an_environment_that_was_closed_unheard_ends_all_the_same(world: World) -> None:
    """Nothing in the cluster leads to it: found by `make soak`, where one stayed for ten minutes."""
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    await ask(preview, "close")
    await preview.comment_says("Stopped by ada")
    await preview.is_gone()
    world.forge.close(preview.key)
    await world.until_listed(preview)
    await world.reconcile()
    await preview.is_over()


async def test_one_that_is_refused_is_not_looked_at_each_minute(world: World) -> None:
    preview = ruled(world, "previews: {drafts: never}", is_draft=True)
    await preview.hear_opened()
    await preview.comment_says("It is a draft")
    await world.until_listed(preview)
    looks = world.forge.calls.count(("pull_request", f"{preview.repository.id}/1"))
    await world.reconcile()
    await world.reconcile()
    assert world.forge.calls.count(("pull_request", f"{preview.repository.id}/1")) == looks
    preview.push_unheard(B)
    world.forge.change(preview.key, is_draft=False)
    await world.reconcile()
    await preview.becomes(Phase.READY, B)


class TestForks:
    async def test_nothing_of_it_is_touched_before_that_very_commit_is_approved(self, world: World) -> None:
        preview = ruled(world, "", head_repository_id=FORK)
        await preview.hear_opened()
        await preview.comment_says(f"`/preview approve {A}`")
        assert preview.resource is None and not world.source.calls and not world.builder.calls
        await ask(preview, "approve", sha=A)
        await preview.becomes(Phase.READY, A)
        assert [each.cache for each in world.builder.requests] == [preview.namespace], "no cache of the project's"

    async def test_builds_of_the_project_itself_share_their_caches(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        assert [each.cache for each in world.builder.requests] == [preview.environment.namespace]

    async def test_a_push_voids_it(self, world: World) -> None:
        preview = ruled(world, "", head_repository_id=FORK)
        await preview.hear_opened()
        await preview.comment_says("fork")
        await ask(preview, "approve", sha=A)
        await preview.becomes(Phase.READY, A)
        await preview.push(B)
        await preview.comment_says(f"`/preview approve {B}`")
        await preview.is_gone()
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await ask(preview, "approve", sha=A)
        assert isinstance(refused.value.cause, ApplicationError) and B in refused.value.cause.message

    async def test_an_approval_by_signal_is_of_that_commit_too(self, world: World) -> None:
        preview = ruled(world, "", head_repository_id=FORK)
        await preview.hear_opened()
        await preview.comment_says("fork")
        await preview.pull_request_workflow.signal(PullRequestWorkflow.approve, Request(by="ada", sha=B))
        await preview.pull_request_workflow.signal(PullRequestWorkflow.approve, Request(by="ada", sha=A[:12]))
        await world.reconcile()
        assert preview.resource is None and not world.source.calls
        await preview.pull_request_workflow.signal(PullRequestWorkflow.approve, Request(by="ada", sha=A))
        await preview.becomes(Phase.READY, A)
