"""What only GitHub has: Apps and their tokens, renamed and transferred repositories, people with other rights; on the emulator."""

import asyncio

import pytest

from activities.protocols import ForgeRefused
from emulators.github import GitHubServer
from environments.model import CommitSha, PullRequestKey
from gateways.forge import github_accounts
from gateways.forge.errors import ForgeGone
from gateways.forge.github import GitHubForge
from gateways.forge.github_accounts import GitHubApp
from gateways.forge.github_api import GitHubApi
from tests.gateways.forge_worlds import PERMISSIONS, GitHubWorld
from tests.gateways.github_acts import MARKER, as_person, asking, end_tokens, opened


class TestTokens:
    async def test_one_is_used_until_shortly_before_its_end(self, github_world: GitHubWorld) -> None:
        with asking(github_world) as asked:
            for _ in range(3):
                await github_world.look()
        assert sum("access_tokens" in each for each in asked) == 1

    async def test_calls_at_once_ask_for_one_only(self, github_world: GitHubWorld) -> None:
        for _ in range(2):
            with asking(github_world) as asked:
                await asyncio.gather(*(github_world.look() for _ in range(8)))
            assert sum(each.startswith("POST") for each in asked) == 1
            end_tokens(github_world)

    async def test_after_its_end_there_is_a_new_one(self, github_world: GitHubWorld) -> None:
        """Also when it ended earlier than was said: the old one is refused then."""
        await github_world.look()
        end_tokens(github_world)
        with asking(github_world) as asked:
            await github_world.look()
        assert [each.rpartition(" ")[2] for each in asked] == ["401", "201", "200"]

    async def test_it_is_renewed_before_it_ends(self, github_world: GitHubWorld) -> None:
        github_world.github.github.token_lifetime = github_accounts.RENEWED_SECONDS - 1
        try:
            await github_world.look()
        finally:
            github_world.github.github.token_lifetime = 3600
        with asking(github_world) as asked:
            await github_world.look()
            await github_world.look()
        assert sum("access_tokens" in each for each in asked) == 1
        assert not any(each.endswith("401") for each in asked)

    async def test_the_key_of_another_app_is_refused_with_what_to_check(self, github_world: GitHubWorld) -> None:
        other = github_world.people.create_app("catalyst", f"Other {github_world.owner}", PERMISSIONS)
        forge = GitHubForge.with_app(github_world.github.api_url, str(github_world.app.id), other.private_key)
        with pytest.raises(ForgeRefused, match="Check the id, private key and permissions of the GitHub App"):
            await forge.pull_request(github_world.key.repository_id, 1)
        await forge.aclose()


class TestInstallations:
    async def test_where_the_app_is_not_installed_it_says_so(self, github_world: GitHubWorld) -> None:
        owner = f"elsewhere-{github_world.owner}"
        elsewhere = github_world.people.create_repository(owner, "shop", private=True)
        key = PullRequestKey(forge="github", repository_id=elsewhere, number=1)
        with pytest.raises(ForgeGone, match="the GitHub App isn't installed there: its owner must install it"):
            await github_world.forge.put_comment(key, MARKER, MARKER)
        assert await github_world.forge.pull_request(elsewhere, 1) is None
        assert (
            await github_world.forge.clone_credential(elsewhere, f"{github_world.github.url}/{owner}/shop.git") is None
        )

    async def test_installed_anew_it_goes_on(self, github_world: GitHubWorld) -> None:
        await github_world.look()
        github_world.people.uninstall(github_world.installation)
        assert await github_world.forge.pull_request(github_world.key.repository_id, 1) is None
        github_world.people.install(github_world.app, github_world.owner)
        await github_world.look()

    async def test_a_suspended_one_is_refused(self, github_world: GitHubWorld) -> None:
        await github_world.look()
        github_world.people.suspend(github_world.installation)
        with pytest.raises(ForgeRefused, match="suspended"):
            await github_world.look()
        github_world.people.unsuspend(github_world.installation)
        await github_world.look()

    async def test_a_permission_that_is_missing_is_named(self, github_world: GitHubWorld) -> None:
        sha = (await github_world.look()).head_sha
        github_world.installation.permissions.pop("statuses")
        end_tokens(github_world)
        with pytest.raises(
            ForgeRefused, match="Resource not accessible by integration.* permissions of the GitHub App"
        ):
            await github_world.forge.put_status(github_world.key, sha, "success", "Ready", None)


class TestNames:
    async def test_a_renamed_repository_is_still_the_same(self, github_world: GitHubWorld) -> None:
        before = await github_world.look()
        await github_world.forge.put_comment(github_world.key, MARKER, f"{MARKER} before")
        github_world.people.rename_repository(github_world.owner, "shop", "store")
        github_world.people.create_repository(github_world.owner, "shop")
        github_world.name = "store"
        after = await github_world.look()
        assert after.key == before.key and after.repository.name == "store"
        await github_world.forge.put_comment(github_world.key, MARKER, f"{MARKER} after")
        await github_world.forge.put_status(github_world.key, after.head_sha, "success", "Ready", None)
        assert github_world.comments() == [f"{MARKER} after"] and github_world.status(after.head_sha).state == "success"
        credential = github_world.forge.clone_credential
        assert await credential(before.repository.id, before.repository.clone_url) is None
        assert await credential(before.repository.id, after.repository.clone_url)

    @pytest.mark.parametrize("private", [True, False])
    async def test_a_transferred_one_is_followed(self, github: GitHubServer, private: bool) -> None:
        """Its former owner's installation still reads a public one, and may not write to it."""
        world = GitHubWorld(github, github.people.create_app("catalyst", f"Moving {private}", PERMISSIONS), private)
        await world.forge.put_comment(world.key, MARKER, f"{MARKER} before")
        heir = f"heir-of-{world.owner}"
        world.people.organization(heir)
        world.people.install(world.app, heir)
        world.people.transfer_repository(world.owner, "shop", heir)
        await world.forge.put_comment(world.key, MARKER, f"{MARKER} after")
        found = await world.look()
        assert found.repository.owner == heir and found.key == world.key
        world.owner = heir
        assert world.comments() == [f"{MARKER} after"]
        assert world.key in await opened(world)
        await world.forge.aclose()

    async def test_transferred_to_where_the_app_is_not(self, github_world: GitHubWorld) -> None:
        await github_world.look()
        heir = f"heir-of-{github_world.owner}"
        github_world.people.organization(heir)
        github_world.people.transfer_repository(github_world.owner, "shop", heir)
        with pytest.raises(ForgeGone, match="its owner must install it"):
            await github_world.forge.put_comment(github_world.key, MARKER, MARKER)

    async def test_whoever_meets_a_transfer_after_another_call_did(self, github_world: GitHubWorld) -> None:
        """It was refused as the former owner's installation; that the heir's is known by now is no reason to give up."""
        world, repository_id = github_world, github_world.key.repository_id
        api = GitHubApi(world.github.api_url)
        app, error = GitHubApp(api, str(world.app.id), world.app.private_key), ForgeGone("gone")
        former = await app.caller(repository_id)
        heir = f"heir-of-{world.owner}"
        world.people.organization(heir)
        installation = world.people.install(world.app, heir)
        world.people.transfer_repository(world.owner, "shop", heir)
        for _ in range(2):
            now = await app.another(repository_id, former, error)
            assert now is not None and now.name == f"installation {installation.id}"
            assert await app.another(repository_id, now, error) is None
        await api.aclose()


class TestPeople:
    async def test_a_fork_is_known_by_its_own_id(self, github_world: GitHubWorld) -> None:
        people, owner, mallory = github_world.people, github_world.owner, f"mallory-{github_world.owner}"
        people.add_collaborator(owner, "shop", mallory, "read")
        fork_id = people.fork(owner, "shop", mallory)
        people.push(mallory, "shop", "theirs", {"page.html": "theirs"})
        number = people.open_pull_request(owner, "shop", f"{mallory}:theirs", by=mallory)
        found = await github_world.forge.pull_request(github_world.key.repository_id, number)
        assert found is not None and found.is_from_fork and found.head_repository_id == fork_id
        assert (found.author, found.head_branch) == (mallory, "theirs")
        people.delete_repository(mallory, "shop")
        found = await github_world.forge.pull_request(github_world.key.repository_id, number)
        assert found is not None and found.is_from_fork and found.head_repository_id is None

    async def test_drafts_labels_and_privacy(self, github_world: GitHubWorld) -> None:
        github_world.people.set_draft(*github_world.place, draft=True)
        github_world.people.add_label(*github_world.place, "preview")
        found = await github_world.look()
        assert found.is_draft and found.labels == ("preview",) and found.repository.is_private
        assert found.url == f"{github_world.github.url}/{github_world.owner}/shop/pull/1"

    async def test_others_comments_with_our_marker_are_left_alone(self, github_world: GitHubWorld) -> None:
        forged = f"{MARKER}\nSend your password to mallory."
        github_world.people.comment(*github_world.place, forged, by="mallory")
        for text in ("Building", "Ready"):
            await github_world.forge.put_comment(github_world.key, MARKER, f"{MARKER}\n{text}")
        assert github_world.comments() == [forged, f"{MARKER}\nReady"]

    async def test_ours_is_found_behind_a_hundred_others(self, github_world: GitHubWorld) -> None:
        for number in range(100):
            github_world.people.comment(*github_world.place, f"{number} {MARKER}", by="ada")
        await github_world.forge.put_comment(github_world.key, MARKER, f"{MARKER} before")
        again = GitHubForge.with_app(
            github_world.github.api_url, str(github_world.app.id), github_world.app.private_key
        )
        await again.put_comment(github_world.key, MARKER, f"{MARKER} after")
        await again.aclose()
        assert len(github_world.comments()) == 101 and github_world.comments()[-1] == f"{MARKER} after"

    async def test_the_same_body_again_is_no_write(self, github_world: GitHubWorld) -> None:
        await github_world.forge.put_comment(github_world.key, MARKER, MARKER)
        with asking(github_world) as asked:
            await github_world.forge.put_comment(github_world.key, MARKER, MARKER)
        assert [each.split()[0] for each in asked] == ["GET"]

    async def test_deleted_it_is_written_anew_also_with_the_same_body(self, github_world: GitHubWorld) -> None:
        for body in (f"{MARKER} one", f"{MARKER} one", f"{MARKER} two"):
            await github_world.forge.put_comment(github_world.key, MARKER, body)
            assert github_world.comments() == [body]
            [comment] = github_world.people.comments(*github_world.place)
            github_world.people.delete_comment(github_world.owner, "shop", comment["id"], by="ada")

    async def test_edited_by_somebody_it_is_put_right(self, github_world: GitHubWorld) -> None:
        await github_world.forge.put_comment(github_world.key, MARKER, MARKER)
        [comment] = github_world.people.comments(*github_world.place)
        github_world.people.edit_comment(github_world.owner, "shop", comment["id"], "nonsense", by="ada")
        await github_world.forge.put_comment(github_world.key, MARKER, MARKER)
        assert github_world.comments() == [MARKER]

    async def test_a_status_is_cut_where_github_would_refuse_it(self, github_world: GitHubWorld) -> None:
        sha = (await github_world.look()).head_sha
        await github_world.forge.put_status(github_world.key, sha, "failure", "x" * 141, None)
        assert github_world.status(sha).description == "x" * 139 + "…"

    @pytest.mark.parametrize(
        ("role", "may"), [("read", False), ("triage", False), ("write", True), ("maintain", True), ("admin", True)]
    )
    async def test_who_may_write(self, github_world: GitHubWorld, role: str, may: bool) -> None:
        login = f"bob-{github_world.owner}"
        github_world.people.add_collaborator(github_world.owner, "shop", login, role)  # type: ignore[arg-type]
        assert await github_world.forge.may_write(github_world.key.repository_id, login) is may

    async def test_who_is_unknown_may_not(self, github_world: GitHubWorld) -> None:
        github_world.people.user("stranger")
        for login in ("stranger", "nobody-at-all"):
            assert not await github_world.forge.may_write(github_world.key.repository_id, login)
        assert not await github_world.forge.may_write(999_999_999, "ada")

    @pytest.mark.parametrize("login", ["", "..", "../../../user", "stranger/../ada"])
    async def test_what_is_no_name_isnt_even_asked_for(self, github_world: GitHubWorld, login: str) -> None:
        with asking(github_world) as asked:
            assert not await github_world.forge.may_write(github_world.key.repository_id, login)
        assert asked == []


class TestPerson:
    """A personal access token instead of an App."""

    async def test_comments_statuses_and_credential(self, github_world: GitHubWorld) -> None:
        person = f"catalyst-{github_world.owner}"
        github_world.people.add_collaborator(github_world.owner, "shop", person, "write")
        await github_world.forge.put_comment(github_world.key, MARKER, f"{MARKER} of the App")
        async with as_person(github_world, person) as forge:
            found = await forge.pull_request(github_world.key.repository_id, 1)
            assert found is not None
            for text in ("Building", "Ready"):
                await forge.put_comment(github_world.key, MARKER, f"{MARKER} {text}")
            await forge.put_status(github_world.key, found.head_sha, "success", "Ready", None)
            assert await forge.clone_credential(found.repository.id, found.repository.clone_url)
            assert await forge.clone_credential(found.repository.id, "https://github.com/acme/shop.git") is None
        assert github_world.comments() == [f"{MARKER} of the App", f"{MARKER} Ready"]
        assert github_world.status(found.head_sha).state == "success"

    async def test_a_token_that_was_withdrawn(self, github_world: GitHubWorld) -> None:
        async with as_person(github_world, "ada") as forge:
            end_tokens(github_world)
            with pytest.raises(ForgeRefused, match="401 .* the account of the token and its scopes"):
                await forge.pull_request(github_world.key.repository_id, 1)


async def test_without_a_path_as_on_github_com(github_world: GitHubWorld) -> None:
    """The other tests' base URL is an Enterprise Server's."""
    forge = GitHubForge.with_app(github_world.github.url, str(github_world.app.id), github_world.app.private_key)
    found = await forge.pull_request(github_world.key.repository_id, 1)
    assert found is not None and await forge.clone_credential(found.repository.id, found.repository.clone_url)
    await forge.aclose()


async def test_a_commit_of_nobody_is_refused(github_world: GitHubWorld) -> None:
    with pytest.raises(ForgeRefused):
        await github_world.forge.put_status(github_world.key, CommitSha("a" * 40), "pending", "", None)
