"""What only GitHub has: Apps and their tokens, its rate limits, ETags, forks, people with other rights; on the emulator."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import pytest

from activities.protocols import ForgeRefused
from emulators.github import GitHubServer
from emulators.github.answers import Answer
from emulators.github.model import Installation
from environments.model import CommitSha, PullRequestKey
from gateways.forge import github_accounts
from gateways.forge.errors import ForgeGone, ForgeUnavailable
from gateways.forge.github import GitHubForge
from gateways.source.git import GitSource
from tests.gateways.forge_worlds import PERMISSIONS, GitHubWorld

MARKER = "<!-- catalyst-preview-deployment -->"


class Asked(list[str]):
    """Method, path and status of what a world's App and its installations asked for, also by tokens that are none; free ones cost nothing of a rate limit."""

    def free(self) -> int:
        return sum(each.endswith(" 304") for each in self)


@contextmanager
def asking(world: GitHubWorld) -> Iterator[Asked]:
    """What is asked for inside of it, in the end."""
    asked, before = Asked(), len(world.github.github.answers)
    yield asked
    answers = list(world.github.github.answers)[before:]
    mine = {"anonymous", world.app.slug, *(f"installation ID {each.id}" for each in installations(world))}
    asked += [_line(each) for each in answers if each.caller in mine]


def installations(world: GitHubWorld) -> list[Installation]:
    return [each for each in world.github.github.installations.values() if each.app is world.app]


def _line(answer: Answer) -> str:
    return f"{answer.method} {answer.path} {answer.status}"


@asynccontextmanager
async def as_person(world: GitHubWorld, login: str) -> AsyncIterator[GitHubForge]:
    forge = GitHubForge.with_token(world.github.api_url, world.people.token(login))
    yield forge
    await forge.aclose()


def end_tokens(world: GitHubWorld) -> None:
    github = world.github.github
    for token, (actor, _) in list(github.tokens.items()):
        github.tokens[token] = (actor, github.now() - timedelta(seconds=1))


def another_repository(world: GitHubWorld, name: str, pull_requests: int = 1) -> list[PullRequestKey]:
    """Of the same owner, with open pull requests."""
    repository_id = world.people.create_repository(world.owner, name, private=True)
    return [open_one(world, name, repository_id, f"change-{each}") for each in range(pull_requests)]


def open_one(world: GitHubWorld, name: str, repository_id: int, branch: str) -> PullRequestKey:
    world.people.push(world.owner, name, branch, {"page.html": branch})
    number = world.people.open_pull_request(world.owner, name, branch)
    return PullRequestKey(forge="github", repository_id=repository_id, number=number)


async def opened(world: GitHubWorld) -> set[PullRequestKey]:
    return {each.key for each in await world.forge.open_pull_requests()}


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
        for login in ("stranger", "nobody-at-all", "", "../../../user", "ada/../stranger"):
            assert not await github_world.forge.may_write(github_world.key.repository_id, login)
        assert not await github_world.forge.may_write(999_999_999, "ada")


class TestContent:
    async def test_a_files_text(self, github_world: GitHubWorld) -> None:
        people, repository_id = github_world.people, github_world.key.repository_id
        files: dict[str, str | None] = {"a folder/ä?#%.txt": "Grüße\n", "full": "12345"}
        sha = people.push(github_world.owner, "shop", "change", files)
        people.push(github_world.owner, "shop", "change", {"full": "123456"})
        read = github_world.forge.text_file
        assert await read(repository_id, "change", "a folder/ä?#%.txt", 100) == "Grüße\n"
        assert await read(repository_id, sha, "full", 5) == "12345"
        assert await read(repository_id, "change", "full", 5) is None
        assert await read(repository_id, "change", "full", 6) == "123456"

    @pytest.mark.parametrize(
        "path", ["missing", "a folder", "", ".", "README.md/", "/README.md", "../../pulls/1", "a//b"]
    )
    async def test_none_where_there_is_no_file(self, github_world: GitHubWorld, path: str) -> None:
        github_world.people.push(github_world.owner, "shop", "change", {"a folder/x": "x"})
        assert await github_world.forge.text_file(github_world.key.repository_id, "change", path, 100) is None

    async def test_none_at_an_unknown_place(self, github_world: GitHubWorld) -> None:
        read = github_world.forge.text_file
        assert await read(github_world.key.repository_id, "no-such-branch", "README.md", 100) is None
        assert await read(github_world.key.repository_id, "", "README.md", 100) is None
        assert await read(999_999_999, "main", "README.md", 100) is None

    async def test_a_large_one(self, github_world: GitHubWorld) -> None:
        """Of more than a megabyte the contents API tells no content."""
        large = "0123456789abcdef" * 70_000
        github_world.people.push(github_world.owner, "shop", "change", {"large": large})
        read, repository_id = github_world.forge.text_file, github_world.key.repository_id
        assert await read(repository_id, "change", "large", 2_000_000) == large
        assert await read(repository_id, "change", "large", 1_000_000) is None

    async def test_changed_paths(self, github_world: GitHubWorld) -> None:
        people, owner = github_world.people, github_world.owner
        people.push(owner, "shop", "main", {"old.txt": "0123456789\n" * 20, "gone.txt": "gone"})
        people.push(owner, "shop", "second", {"old.txt": None, "new.txt": "0123456789\n" * 20, "gone.txt": None})
        key = open_one(github_world, "shop", github_world.key.repository_id, "second")
        assert set(await github_world.forge.changed_paths(key) or ()) == {"old.txt", "new.txt", "gone.txt", "page.html"}

    async def test_changed_paths_of_several_pages(
        self, github_world: GitHubWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        files: dict[str, str | None] = {f"file-{number:03}": str(number) for number in range(250)}
        github_world.people.push(github_world.owner, "shop", "change", files)
        assert set(await github_world.forge.changed_paths(github_world.key) or ()) == {*files, "page.html"}
        monkeypatch.setattr("gateways.forge.github_reading.MOST_FILES", 251)
        assert await github_world.forge.changed_paths(github_world.key) is None

    async def test_changed_paths_of_none(self, github_world: GitHubWorld) -> None:
        with pytest.raises(ForgeGone):
            await github_world.forge.changed_paths(github_world.key.model_copy(update={"number": 999}))

    async def test_git_takes_the_credential(self, github_world: GitHubWorld, tmp_path: object) -> None:
        found = await github_world.look()
        repository = found.repository
        credential = await github_world.forge.clone_credential(repository.id, repository.clone_url)
        assert credential is not None and credential.username == "x-access-token"
        source = GitSource(tmp_path)  # type: ignore[arg-type]
        folder = await source.checkout(repository.id, repository.clone_url, found.head_sha, credential)
        assert (folder / "page.html").exists()

    async def test_the_credential_is_of_its_repository_alone(self, github_world: GitHubWorld) -> None:
        [other] = another_repository(github_world, "other")
        repository = (await github_world.look()).repository
        credential = await github_world.forge.clone_credential(repository.id, repository.clone_url)
        assert credential is not None
        stolen = GitHubForge.with_token(github_world.github.api_url, credential.password)
        assert await stolen.pull_request(repository.id, 1) is not None
        assert await stolen.pull_request(other.repository_id, other.number) is None
        await stolen.aclose()


class TestListing:
    async def test_unchanged_repositories_cost_nothing(self, github_world: GitHubWorld) -> None:
        keys = {
            github_world.key,
            *another_repository(github_world, "second"),
            *another_repository(github_world, "third"),
        }
        assert await opened(github_world) == keys
        with asking(github_world) as asked:
            assert await opened(github_world) == keys
        assert len(asked) == 5 and asked.free() == 4, asked  # all but the App's own list of installations
        github_world.push()
        with asking(github_world) as asked:
            listed = {each.key: each.head_sha for each in await github_world.forge.open_pull_requests()}
        assert listed[github_world.key] == (await github_world.look()).head_sha
        assert asked.free() >= 2 and len(asked) == 5, asked

    async def test_a_repository_without_any_isnt_asked(self, github_world: GitHubWorld) -> None:
        another_repository(github_world, "quiet", 0)
        with asking(github_world) as asked:
            assert await opened(github_world) == {github_world.key}
        assert sum("/pulls" in each for each in asked) == 1

    async def test_more_than_a_page(self, github_world: GitHubWorld) -> None:
        keys = another_repository(github_world, "busy", 100)
        assert await opened(github_world) == {github_world.key, *keys}
        await opened(github_world)
        keys.append(open_one(github_world, "busy", keys[0].repository_id, "one-more"))
        assert await opened(github_world) == {github_world.key, *keys}
        github_world.people.close(github_world.owner, "busy", keys[0].number)
        assert await opened(github_world) == {github_world.key, *keys[1:]}

    async def test_many_repositories(self, github_world: GitHubWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gateways.forge.github_api.PAGE", 2)
        keys = {github_world.key}
        for name in ("second", "third", "fourth"):
            keys |= {*another_repository(github_world, name, 3)}
        assert await opened(github_world) == keys

    async def test_an_installation_that_fails_hides_nothing(
        self, github_world: GitHubWorld, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Its pull requests are those last seen; the others' are those of now."""
        rivals = f"rivals-{github_world.owner}"
        installation = github_world.people.install(github_world.app, github_world.people.user(rivals).login)
        theirs = github_world.people.create_repository(rivals, "shop")
        github_world.people.push(rivals, "shop", "change", {"x": "y"})
        github_world.people.open_pull_request(rivals, "shop", "change")
        their_key = PullRequestKey(forge="github", repository_id=theirs, number=1)
        assert await opened(github_world) == {github_world.key, their_key}
        github_world.github.github.limits.exhaust(f"installation ID {installation.id}")
        github_world.close()
        with caplog.at_level(logging.WARNING):
            assert await opened(github_world) == {their_key}
        assert "what was last seen" in caplog.text

    async def test_nothing_at_all_is_a_failure_and_no_empty_list(self, github_world: GitHubWorld) -> None:
        await opened(github_world)
        github_world.github.github.limits.exhaust(f"installation ID {github_world.installation.id}")
        with pytest.raises(ForgeUnavailable):
            await opened(github_world)

    async def test_a_token_that_was_withdrawn_is_replaced(self, github_world: GitHubWorld) -> None:
        await opened(github_world)
        end_tokens(github_world)
        assert await opened(github_world) == {github_world.key}

    async def test_one_repository_that_fails_hides_nothing(self, github_world: GitHubWorld) -> None:
        [second] = another_repository(github_world, "second")
        assert await opened(github_world) == {github_world.key, second}
        path = f"/repositories/{second.repository_id}/pulls"
        github_world.github.github.limits.refuse(times=1, retry_after=0, path=path)
        github_world.close()
        assert await opened(github_world) == {second}

    async def test_of_a_person_what_they_may_push_to(self, github_world: GitHubWorld) -> None:
        person = f"catalyst-{github_world.owner}"
        [readable] = another_repository(github_world, "readable")
        github_world.people.add_collaborator(github_world.owner, "shop", person, "write")
        github_world.people.add_collaborator(github_world.owner, "readable", person, "read")
        async with as_person(github_world, person) as forge:
            assert [each.key for each in await forge.open_pull_requests()] == [github_world.key]
            assert await forge.pull_request(readable.repository_id, readable.number) is not None


class TestLimits:
    async def test_primary(self, github_world: GitHubWorld) -> None:
        await github_world.look()
        github_world.github.github.limits.exhaust(f"installation ID {github_world.installation.id}", reset_after=120)
        with pytest.raises(ForgeUnavailable, match="rate limit of installation") as raised:
            await github_world.look()
        assert raised.value.retry_after and timedelta(seconds=100) < raised.value.retry_after <= timedelta(seconds=130)
        with asking(github_world) as asked, pytest.raises(ForgeUnavailable):
            await github_world.look()
        assert asked == []

    @pytest.mark.parametrize("status", [403, 429])
    async def test_secondary(self, github_world: GitHubWorld, status: int) -> None:
        await github_world.look()
        path = f"/repositories/{github_world.key.repository_id}/issues"
        github_world.github.github.limits.refuse(status=status, retry_after=90, path=path)
        with pytest.raises(ForgeUnavailable) as raised:
            await github_world.forge.put_comment(github_world.key, MARKER, MARKER)
        assert raised.value.retry_after == timedelta(seconds=90)
        with asking(github_world) as asked, pytest.raises(ForgeUnavailable):
            await github_world.look()
        assert asked == []

    async def test_other_installations_go_on(self, github_world: GitHubWorld) -> None:
        rivals = f"rivals-{github_world.owner}"
        github_world.people.install(github_world.app, github_world.people.user(rivals).login)
        theirs = github_world.people.create_repository(rivals, "shop", private=True)
        github_world.people.push(rivals, "shop", "change", {"x": "y"})
        github_world.people.open_pull_request(rivals, "shop", "change")
        await github_world.look()
        github_world.github.github.limits.exhaust(f"installation ID {github_world.installation.id}")
        for _ in range(2):
            with pytest.raises(ForgeUnavailable):
                await github_world.look()
            assert await github_world.forge.pull_request(theirs, 1) is not None

    async def test_the_last_one_is_told_before_anything_fails(self, github_world: GitHubWorld) -> None:
        await github_world.look()
        window = github_world.github.github.limits.window(f"installation ID {github_world.installation.id}")
        window.used = window.limit - 1
        await github_world.look()
        with asking(github_world) as asked, pytest.raises(ForgeUnavailable, match="nothing was sent"):
            await github_world.look()
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


async def test_what_a_pull_requests_life_costs(github_world: GitHubWorld) -> None:
    """Opened, built, ready, pushed to, ready again, closed. GitHub gives an installation 5,000 an hour."""
    forge, key = github_world.forge, github_world.key
    with asking(github_world) as asked:
        for _ in range(2):
            found = await github_world.look()
            await forge.clone_credential(found.repository.id, found.repository.clone_url)
            for text in ("Building", "Ready"):
                await forge.put_comment(key, MARKER, f"{MARKER} {text}")
                await forge.put_status(key, found.head_sha, "pending", text, None)
            github_world.push()
        github_world.close()
        await github_world.look()
        await forge.put_comment(key, MARKER, f"{MARKER} Gone")
    of_the_installation = [
        each for each in asked if not each.startswith(("GET /app", "POST /app")) and "/installation" not in each
    ]
    assert len(of_the_installation) <= 15, of_the_installation
    assert len(asked) <= 19, asked


async def test_a_commit_of_nobody_is_refused(github_world: GitHubWorld) -> None:
    with pytest.raises(ForgeRefused):
        await github_world.forge.put_status(github_world.key, CommitSha("a" * 40), "pending", "", None)
