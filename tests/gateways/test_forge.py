"""Contract of activities.protocols.Forge, on the fake, a real Gitea and an emulated GitHub."""

from typing import Literal

import pytest

from activities.protocols import Comment, ForgeRefused
from environments.model import CommitSha, PullRequestKey
from tests.gateways.forge_worlds import FakeWorld, Status, World

MARKER = "<!-- catalyst-preview-deployment -->"
NOWHERE = PullRequestKey(forge="any", repository_id=999_999_999, number=1)


@pytest.fixture(params=["fake", "gitea", "github"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        return FakeWorld()
    found: World = request.getfixturevalue(f"{request.param}_world")
    return found


class TestContract:
    async def test_an_open_pull_request(self, world: World) -> None:
        found = await world.look()
        assert found.key == world.key and found.is_open and not found.is_merged and not found.is_draft
        assert (found.head_branch, found.base_branch, found.repository.name) == ("change", "main", "shop")
        assert not found.is_from_fork and found.repository.clone_url.endswith("/shop.git")

    async def test_the_head_is_the_newest_commit(self, world: World) -> None:
        for _ in range(3):
            sha = world.push()
            assert (await world.look()).head_sha == sha

    async def test_closed_reopened_and_merged(self, world: World) -> None:
        world.close()
        closed = await world.look()
        assert not closed.is_open and not closed.is_merged
        world.reopen()
        assert (await world.look()).is_open
        world.merge()
        merged = await world.look()
        assert not merged.is_open and merged.is_merged

    async def test_unknown_ones_are_none(self, world: World) -> None:
        assert await world.forge.pull_request(world.key.repository_id, 999) is None
        assert await world.forge.pull_request(NOWHERE.repository_id, 1) is None

    async def test_deleted_with_its_repository(self, world: World) -> None:
        world.delete_repository()
        assert await world.forge.pull_request(world.key.repository_id, world.key.number) is None
        assert world.key not in [each.key for each in await world.forge.open_pull_requests()]

    async def test_open_ones_are_listed_with_their_head(self, world: World) -> None:
        listed = {each.key: each.head_sha for each in await world.forge.open_pull_requests()}
        assert listed[world.key] in ("", (await world.look()).head_sha)
        world.close()
        assert world.key not in [each.key for each in await world.forge.open_pull_requests()]

    async def test_one_comment_is_edited_in_place(self, world: World) -> None:
        for text in ("Building", "Ready", "Ready"):
            await world.forge.put_comment(world.key, MARKER, f"{MARKER}\n{text}")
        assert world.comments() == [f"{MARKER}\nReady"]

    async def test_a_comment_on_a_closed_pull_request(self, world: World) -> None:
        world.close()
        await world.forge.put_comment(world.key, MARKER, f"{MARKER}\nGone")
        assert world.comments() == [f"{MARKER}\nGone"]

    async def test_what_people_write(self, world: World) -> None:
        comment, author = world.write("/preview help")
        assert await world.forge.comment(world.key, comment) == Comment(author, "/preview help", is_ours=False)
        other = world.key.model_copy(update={"number": world.key.number + 1})
        for key, number in ((world.key, comment + 999_999), (other, comment), (NOWHERE, comment)):
            assert await world.forge.comment(key, number) is None

    async def test_reactions_stand_once(self, world: World) -> None:
        comment, _ = world.write("/preview help")
        for reaction in ("eyes", "eyes", "+1"):
            await world.forge.react(world.key, comment, reaction)
        assert sorted(world.reactions(comment)) == ["+1", "eyes"]
        with pytest.raises(ForgeRefused):
            await world.forge.react(world.key, comment + 999_999, "eyes")

    @pytest.mark.parametrize("state", ["pending", "success", "failure", "error"])
    async def test_statuses(self, world: World, state: Literal["pending", "success", "failure", "error"]) -> None:
        sha = (await world.look()).head_sha
        await world.forge.put_status(world.key, sha, "pending", "Waiting", None)
        await world.forge.put_status(world.key, sha, state, "As it is", "http://pr-1.localhost")
        assert world.status(sha) == Status(state, "As it is", "http://pr-1.localhost")

    async def test_writing_about_what_is_gone_is_refused(self, world: World) -> None:
        with pytest.raises(ForgeRefused):
            await world.forge.put_comment(NOWHERE, MARKER, MARKER)
        with pytest.raises(ForgeRefused):
            await world.forge.put_status(NOWHERE, CommitSha("a" * 40), "pending", "", None)

    async def test_a_file_of_the_base_branch(self, world: World) -> None:
        text = "previews:\n  drafts: off\n"
        sha, repository = world.write_base(".catalyst.yaml", text), world.key.repository_id
        assert (await world.look()).base_sha in (sha, None)
        for ref in ("main", sha, sha):
            assert await world.forge.text_file(repository, ref, ".catalyst.yaml", 1000) == text
        assert await world.forge.text_file(repository, "main", ".catalyst.yaml", 10) is None
        assert await world.forge.text_file(repository, "main", "none.yaml", 1000) is None
        assert await world.forge.text_file(repository, "no-such-branch", ".catalyst.yaml", 1000) is None
        assert await world.forge.text_file(NOWHERE.repository_id, "main", ".catalyst.yaml", 1000) is None

    async def test_what_a_pull_request_changes(self, world: World) -> None:
        assert await world.forge.changed_paths(world.key) == ("page.html",)
        with pytest.raises(ForgeRefused):
            await world.forge.changed_paths(NOWHERE)

    async def test_who_may_write(self, world: World) -> None:
        writer, reader = world.logins()
        assert await world.forge.may_write(world.key.repository_id, writer)
        for login in (reader, "nobody-of-that-name", "../../users", "..", ""):
            assert not await world.forge.may_write(world.key.repository_id, login)

    async def test_the_token_goes_to_its_own_repository_only(self, world: World) -> None:
        repository = (await world.look()).repository
        assert await world.forge.clone_credential(repository.id, repository.clone_url)
        origin = repository.clone_url.partition("/acme")[0]
        others = ["http://evil.test/acme/shop.git", f"{origin}/other/shop.git", f"{origin}.evil.test/acme/shop.git"]
        for url in (*others, origin.replace("://", "://x@evil.test:"), "not a url", "http://[", "file:///etc", ""):
            assert await world.forge.clone_credential(repository.id, url) is None
        assert await world.forge.clone_credential(NOWHERE.repository_id, repository.clone_url) is None
