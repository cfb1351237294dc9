"""What people override for one environment or for the whole project: kept across pushes, told with who and when, until it is reset."""

from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from activities.protocols import ObjectRef
from environments import labels
from environments.model import KubernetesObject, Phase
from environments.overriding import project_override
from environments.work import OverrideRequest
from tests.workflows.world import NODE, A, B, C, Preview, World

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FOR_ONE = "Overridden for this environment by ada at "
FOR_ALL = "Overridden for the project by ada at "


async def override(preview: Preview, **fields: object) -> None:
    """As people type it: what isn't given isn't sent either."""
    await preview.pull_request_workflow.execute_update("override", {"by": "ada", **fields})


async def another(first: Preview, sha: str) -> Preview:
    """Another pull request of the same project."""
    world, number = first.world, first.key.number + 1
    world.source.push(first.repository.id, sha, NODE)
    preview = Preview(world, first.repository, world.forge.open_pull_request(first.repository, sha, number=number))
    await preview.hear_opened()
    await preview.becomes(Phase.READY, sha)
    return preview


async def runs(preview: Preview, command: str) -> None:
    """The newest delivery into its pod is of that command, and it is Ready with it."""
    sha = preview.report.sha

    def newest() -> str:
        delivered = [each for each in preview.world.sidecars.deliveries if each.sha == sha]
        return str(delivered[-1].command).rpartition("; ")[2]

    await preview.world.until(lambda: newest() == command, lambda: f"{command!r} runs; it is {newest()!r}")
    await preview.becomes(Phase.READY, sha)


def project_ref(preview: Preview) -> ObjectRef:
    return ObjectRef(preview.kubernetes("Project"), preview.repository.owner, preview.repository.name)


def identities(preview: Preview) -> set[str]:
    """Of what would be another one if it were recreated."""
    things = [preview.namespace_object, *preview.objects("Pod"), *preview.objects("Deployment")]
    return {each["metadata"]["uid"] for each in things if each}


class TestOneEnvironment:
    async def test_a_command_runs_in_place_and_is_told_with_who_and_when(self, world: World) -> None:
        preview = await world.open(NODE)
        await preview.becomes(Phase.READY, A)
        before = identities(preview)
        await override(preview, command="npm start", scope="environment")
        await runs(preview, "npm start")
        assert len(before) == 3
        assert identities(preview) == before
        await preview.comment_says(FOR_ONE)
        [told] = preview.report.overridden
        assert (told.scope, told.by, told.fields) == ("environment", "ada", ("command",))
        assert told.at is not None

    async def test_it_survives_a_push_until_it_is_reset(self, world: World) -> None:
        preview = await world.open(NODE)
        await preview.becomes(Phase.READY, A)
        await override(preview, command="npm start", scope="environment")
        await preview.push(B, NODE)
        await preview.becomes(Phase.READY, B)
        await runs(preview, "npm start")
        await override(preview, scope="environment", reset=True)
        await runs(preview, "npm run dev")
        await world.until(lambda: "Overridden" not in preview.comment, "the comment says nothing of it any more")
        assert preview.report.overridden == ()


class TestTheProject:
    async def test_it_reaches_every_environment_and_later_ones_too(self, world: World) -> None:
        first = await world.open(NODE)
        await first.becomes(Phase.READY, A)
        second = await another(first, B)
        before = identities(second)
        await override(first, command="npm run all")
        for preview in (first, second):
            await runs(preview, "npm run all")
            await preview.comment_says(FOR_ALL)
        assert identities(second) == before
        await runs(await another(second, C), "npm run all")

    async def test_it_survives_a_push_until_it_is_reset(self, world: World) -> None:
        preview = await world.open(NODE)
        await preview.becomes(Phase.READY, A)
        await preview.environment_workflow.signal("override", {"by": "ada", "command": "npm run all"})
        await runs(preview, "npm run all")
        await preview.push(B, NODE)
        await preview.becomes(Phase.READY, B)
        await runs(preview, "npm run all")
        await override(preview, reset=True)
        await runs(preview, "npm run dev")
        await world.until(lambda: not preview.report.overridden, "nothing is told to be overridden")
        project = await world.cluster.get(project_ref(preview))
        assert project is not None
        assert set(project["spec"]) == {"sources"}

    async def test_an_environment_s_own_wins_until_it_is_reset(self, world: World) -> None:
        preview = await world.open(NODE)
        await preview.becomes(Phase.READY, A)
        await override(preview, command="npm run all")
        await runs(preview, "npm run all")
        await override(preview, command="npm run mine", scope="environment")
        await runs(preview, "npm run mine")
        assert [each.scope for each in preview.report.overridden] == ["project", "environment"]
        await override(preview, scope="environment", reset=True)
        await runs(preview, "npm run all")

    async def test_an_environment_s_own_outlives_the_reset_of_the_project_s(self, world: World) -> None:
        preview = await world.open(NODE)
        await preview.becomes(Phase.READY, A)
        await override(preview, command="npm run mine", scope="environment")
        await runs(preview, "npm run mine")
        await override(preview, port=4000)
        await preview.comment_says(FOR_ALL)
        await override(preview, reset=True)
        await world.until(lambda: [each.scope for each in preview.report.overridden] == ["environment"], "only its own")
        await runs(preview, "npm run mine")


class TestRefusals:
    @pytest.mark.parametrize("workflow", ["pull_request_workflow", "environment_workflow"])
    async def test_an_update_that_makes_no_sense_is_refused_in_a_sentence(self, world: World, workflow: str) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        owner = getattr(preview, workflow)
        for request, words in (
            (OverrideRequest(scope="project"), "Nothing to set: "),
            (OverrideRequest(port=70_000), "`spec.config.ports` can't be set to that: "),
        ):
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await owner.execute_update("override", request)
            assert words in str(refused.value.cause)

    async def test_what_somebody_set_by_kubectl_stays_and_both_are_told(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        overrides = {"development": {"config": {"env": [{"name": "COLOUR", "value": "red"}]}}}
        await world.cluster.patch(project_ref(preview), {"spec": {"overrides": overrides}})
        await override(preview, env={"COLOUR": "green"}, scope="project")
        await preview.comment_says("The override by ada was refused: Nothing was changed, because somebody else set it")
        await preview.comment_says("Overridden for the project by an edit of the resource")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            request = OverrideRequest(by="ada", env={"COLOUR": "green"}, scope="project")
            await preview.environment_workflow.execute_update("override", request)
        assert "somebody else set it on the Project" in str(refused.value.cause)
        assert [entry for entry in world.audit.entries if entry.action == "override"] == []
        await override(preview, port=4000, scope="project")
        await preview.comment_says(FOR_ALL)
        await world.until(lambda: "was refused" not in preview.comment, "what is set now ends the note")

    async def test_without_a_project_the_answer_says_so(self, world: World) -> None:
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        await world.cluster.delete(project_ref(preview))
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await preview.environment_workflow.execute_update("override", OverrideRequest(port=1, scope="project"))
        assert "There is no Project resource" in str(refused.value.cause)
        await override(preview, port=1, scope="environment")
        await preview.comment_says(FOR_ONE)

    async def test_what_another_sets_at_the_same_moment_is_kept(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of another pull request, whose workflow writes onto the same Project."""
        preview = await world.open()
        await preview.becomes(Phase.READY, A)
        apply, others = world.cluster.apply, [OverrideRequest(by="bob", env={"SIZE": "big"})]

        async def apply_second(obj: KubernetesObject, **options: Any) -> KubernetesObject:
            if obj["kind"] == "Project" and options["manager"] == labels.OVERRIDE_MANAGER and others:
                project = await world.cluster.get(project_ref(preview))
                assert project is not None
                await apply(project_override(project, "development", others.pop().model_dump(), NOON), **options)
            return await apply(obj, **options)

        monkeypatch.setattr(world.cluster, "apply", apply_second)
        await override(preview, env={"COLOUR": "green"}, scope="project")
        await world.until(lambda: len(preview.report.overridden) == 2, "both are told")
        assert [(each.by, each.fields) for each in preview.report.overridden] == [
            ("bob", ("env.SIZE",)),
            ("ada", ("env.COLOUR",)),
        ]
        await world.until(lambda: (preview.env("SIZE"), preview.env("COLOUR")) == ("big", "green"), "both are deployed")
