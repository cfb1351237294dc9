"""Files, changed paths and clones of GitHub; on the emulator."""

from pathlib import Path

import pytest

from gateways.forge.errors import ForgeGone
from gateways.forge.github import GitHubForge
from gateways.source.git import GitSource
from tests.gateways.forge_worlds import GitHubWorld
from tests.gateways.github_acts import another_repository, open_one


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

    async def test_git_takes_the_credential(self, github_world: GitHubWorld, tmp_path: Path) -> None:
        found = await github_world.look()
        repository = found.repository
        credential = await github_world.forge.clone_credential(repository.id, repository.clone_url)
        assert credential is not None and credential.username == "x-access-token"
        source = GitSource(tmp_path)
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
