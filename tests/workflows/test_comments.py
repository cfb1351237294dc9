"""Commands in comments on a pull request: heard, permitted, carried out, answered (issue 6, docs/commands.md)."""

from datetime import timedelta

from activities.protocols import ForgeRefused, GatewayError
from environments.comment_commands.replies import reply_marker
from environments.model import CommitSha, Phase
from environments.work import CommentRequest
from gateways.forge.errors import ForgeUnavailable
from tests.workflows.test_admission import FORK, ruled
from tests.workflows.world import A, B, Preview, World


async def write(preview: Preview, body: str, author: str = "ada", may_write: bool = True) -> int:
    """A comment whose webhook arrives."""
    forge = preview.world.forge
    if may_write:
        forge.writers.add((preview.repository.id, author))
    comment = forge.write(preview.key, author, body)
    await hear(preview, comment)
    return comment


async def hear(preview: Preview, comment: int) -> None:
    request = CommentRequest(by="ada", delivery=f"delivery-{comment}", comment=comment)
    await preview.world.owners.wake_pull_request(preview.key, "commented", request, may_start=False)


def answer(preview: Preview, comment: int) -> str:
    return preview.world.forge.comments.get(preview.key, {}).get(reply_marker(comment), "")


async def is_done(preview: Preview, comment: int) -> None:
    reactions = preview.world.forge.reactions
    await preview.world.until(lambda: list(reactions.get(comment, ())) == ["eyes", "+1"], "seen, then done")


async def is_answered(preview: Preview, comment: int, *texts: str) -> None:
    await preview.world.until(
        lambda: all(text in answer(preview, comment) for text in texts),
        lambda: f"an answer with {texts}; it is {answer(preview, comment)!r}",
    )


async def test_stop_and_start(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    stop = await write(preview, "Thanks!\n\n/preview stop\n")
    await is_done(preview, stop)
    await preview.comment_says("Stopped by ada")
    await preview.is_gone()
    assert answer(preview, stop) == ""
    start = await write(preview, "/preview start")
    await is_done(preview, start)
    await preview.becomes(Phase.READY, A)


async def test_a_fork_is_approved_by_the_whole_sha_only(world: World) -> None:
    preview = ruled(world, "", head_repository_id=FORK)
    await preview.hear_opened()
    await preview.comment_says(f"`/preview approve {A}`")
    short = await write(preview, f"/preview approve {A[:7]}")
    await is_answered(preview, short, f"`/preview approve {A}`")
    stranger = await write(preview, f"/preview approve {A}", author="eve", may_write=False)
    await is_answered(preview, stranger, "write permission", "eve")
    assert preview.resource is None and not world.source.calls
    approval = await write(preview, f"/preview approve {A}")
    await is_done(preview, approval)
    await preview.becomes(Phase.READY, A)
    assert ("ada", "approve") in [(entry.who, entry.action) for entry in await world.audit.list()]


async def test_settings_are_for_this_environment(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    comment = await write(preview, "/preview env LOG_LEVEL=debug")
    await is_done(preview, comment)
    await world.until(lambda: preview.env("LOG_LEVEL") == "debug", "the variable is deployed")
    assert preview.resource is not None and preview.resource["spec"]["config"]["env"]


async def test_several_lines_are_done_in_order_and_a_mistake_keeps_none_back(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    comment = await write(preview, "/preview stop\n/preview strat\n/preview start\n/preview status\n")
    await is_answered(preview, comment, "`start`", "Ready")
    assert "+1" not in world.forge.reactions[comment]
    assert (await preview.snapshot()).state.wishes.stopped_by is None


async def test_a_comment_is_carried_out_once_however_often_it_is_heard(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    comment = await write(preview, "/preview retry")
    await hear(preview, comment)
    await is_done(preview, comment)
    await hear(preview, comment)
    other = await write(preview, "/preview status")
    await is_done(preview, other)
    assert (await preview.snapshot()).state.wishes.retry == 1


async def test_our_own_comments_and_deleted_ones_say_nothing(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    ours = world.forge.write(preview.key, "catalyst", "/preview stop")
    written = world.forge.written[preview.key, ours]
    world.forge.written[preview.key, ours] = written._replace(is_ours=True)
    await hear(preview, ours)
    await hear(preview, 404_404)
    last = await write(preview, "/preview help")
    await is_answered(preview, last, "`/preview retry`")
    assert ours not in world.forge.reactions
    assert (await preview.snapshot()).state.wishes.stopped_by is None


async def test_what_is_not_there_yet_is_declined(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    comment = await write(preview, "/preview sleep")
    await is_answered(preview, comment, "isn't there yet")


async def test_a_failed_builds_log(world: World) -> None:
    preview = await world.open({"Dockerfile": "FROM busybox:1.35\nRUN false\n"})
    await preview.becomes(Phase.FAILED, A)
    comment = await write(preview, "/preview logs", author="eve", may_write=False)
    await is_answered(preview, comment, "build")


async def test_a_forge_that_is_away_for_the_answer_gets_it_later_and_the_command_once(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    away: GatewayError = ForgeUnavailable("The forge is away.", retry_after=timedelta(seconds=0.1))
    world.forge.fail_next("react", away, times=3)
    comment = await write(preview, "/preview retry")
    await is_done(preview, comment)
    assert (await preview.snapshot()).state.wishes.retry == 1


async def test_an_approval_of_a_commit_that_was_not_seen_yet(world: World) -> None:
    preview = ruled(world, "", head_repository_id=FORK)
    await preview.hear_opened()
    await preview.comment_says("fork")
    preview.push_unheard(B)
    comment = await write(preview, f"/preview approve {B}")
    await is_done(preview, comment)
    await preview.becomes(Phase.READY, CommitSha(B))


async def test_a_forge_that_takes_no_reactions(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    world.forge.fail_next("react", ForgeRefused("No such reaction here."), times=2)
    comment = await write(preview, "/preview retry\n/preview status")
    await is_answered(preview, comment, "Ready")
    assert comment not in world.forge.reactions
    assert (await preview.snapshot()).state.wishes.retry == 1


async def test_a_command_is_in_the_audit_log_once_though_its_answer_takes_many_attempts(world: World) -> None:
    preview = await world.open()
    await preview.becomes(Phase.READY, A)
    await preview.comment_says("Ready")
    away = ForgeUnavailable("The forge is away.", retry_after=timedelta(seconds=0.1))
    world.forge.fail_next("put_comment", away, times=5)
    comment = await write(preview, "/preview stop\n/preview help")
    await is_answered(preview, comment, "`/preview retry`")
    assert [each.action for each in await world.audit.list() if each.who == "ada"] == ["stop"]
