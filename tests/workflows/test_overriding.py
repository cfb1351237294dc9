"""What people override for one environment or for the whole project: kept across pushes, told with who and when, until it is reset."""

from environments.model import Phase
from environments.work import OverrideRequest
from tests.workflows.world import NODE, A, B, C, Preview, World


def command(world: World, sha: str) -> str:
    """Of the newest delivery of that commit."""
    found = [each for each in world.sidecars.deliveries if each.sha == sha]
    return str(found[-1].command).rpartition("; ")[2] if found else ""


async def override(preview: Preview, **fields: object) -> None:
    request = OverrideRequest(by="ada", **fields)
    await preview.pull_request_workflow.execute_update("override", request)


async def test_an_override_is_told_and_stays_until_it_is_reset(world: World) -> None:
    preview = await world.open(NODE)
    await preview.becomes(Phase.READY, A)
    await override(preview, command="npm start", port=4000)
    await preview.comment_says("Overridden for this environment by ada at ")
    await world.until(lambda: command(world, A) == "npm start", "the overridden command")
    [told] = preview.report.overridden
    assert (told.scope, told.by, told.fields, told.at is not None) == ("environment", "ada", ("command", "port"), True)

    await preview.push(B, NODE)
    await preview.becomes(Phase.READY, B)
    assert command(world, B) == "npm start", "a push keeps it"

    await override(preview, reset=True)
    await world.until(lambda: command(world, B) == "npm run dev", "the detected command")
    await world.until(lambda: not preview.report.overridden, "nothing is told to be overridden")
    await world.until(lambda: "Overridden" not in preview.comment, "the comment says nothing of it")


async def test_an_override_for_the_project_is_everybody_s(world: World) -> None:
    first = await world.open(NODE)
    await first.becomes(Phase.READY, A)
    world.source.push(first.repository.id, B, NODE)
    second = Preview(world, first.repository, world.forge.open_pull_request(first.repository, B, number=2))
    await second.hear_opened()
    await second.becomes(Phase.READY, B)

    await override(first, command="npm run all", scope="project")
    for preview in (first, second):
        await preview.comment_says("Overridden for the project by ada at ")
    for sha in (A, B):
        await world.until(lambda sha=sha: command(world, sha) == "npm run all", f"{sha[:1]} runs it")  # type: ignore[misc]

    await override(second, command="npm run mine")
    await world.until(lambda: command(world, B) == "npm run mine", "its own override wins")
    assert [each.scope for each in second.report.overridden] == ["project", "environment"]
    assert command(world, A) == "npm run all"

    world.source.push(first.repository.id, C, NODE)
    third = Preview(world, first.repository, world.forge.open_pull_request(first.repository, C, number=3))
    await third.hear_opened()
    await third.becomes(Phase.READY, C)
    assert command(world, C) == "npm run all", "later ones too"

    await override(first, scope="project", reset=True)
    await world.until(lambda: not third.report.overridden, "it is reset everywhere")
    await world.until(lambda: command(world, C) == "npm run dev", "what was detected runs again")
    assert command(world, B) == "npm run mine", "its own stays"


async def test_a_signal_does_the_same(world: World) -> None:
    preview = await world.open(NODE)
    await preview.becomes(Phase.READY, A)
    request = OverrideRequest(by="ada", command="npm run all", scope="project")
    await preview.pull_request_workflow.signal("override", request)
    await preview.comment_says("Overridden for the project by ada at ")
    await world.until(lambda: command(world, A) == "npm run all", "the overridden command")
