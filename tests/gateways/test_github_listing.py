"""What asking GitHub costs, and what its rate limits do; on the emulator."""

import logging
from datetime import timedelta

import pytest

from environments.model import PullRequestKey
from gateways.forge.errors import ForgeUnavailable
from tests.gateways.forge_worlds import GitHubWorld
from tests.gateways.github_acts import MARKER, another_repository, asking, end_tokens, open_one, opened


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

    async def test_the_newest_come_last_so_that_they_move_none_to_another_page(self, github_world: GitHubWorld) -> None:
        keys = another_repository(github_world, "busy", 3)
        listed = [each.key for each in await github_world.forge.open_pull_requests()]
        assert [each for each in listed if each != github_world.key] == keys

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
