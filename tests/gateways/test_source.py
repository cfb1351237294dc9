"""Contract of activities.protocols.Source, and what the git gateway does against hostile repositories."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from activities.protocols import Credential, Source, SourceRefused
from environments.model import CommitSha
from gateways.source.cache import SourceLimits
from gateways.source.errors import SourceUnavailable
from gateways.source.fake import InMemorySource
from gateways.source.git import GitSource
from tests.gateways.git_server import GitServer, commit, git, new_repository

FILES = {"package.json": "{}", "src/app.js": "hello", "Dockerfile.dev": "FROM scratch"}
NOWHERE = CommitSha("f" * 40)
ROBOT = Credential("robot", "s3cret-token")


class World:
    """A repository with one commit and a Source that can fetch it."""

    def __init__(self, source: Source, url: str, sha: str, remote: Path) -> None:
        self.source, self.url, self.sha, self.remote = source, url, CommitSha(sha), remote

    async def checkout(self, sha: str | None = None) -> Path:
        return await self.source.checkout(7, self.url, CommitSha(sha or self.sha), None)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    server = GitServer(tmp_path / "served")
    yield server
    server.stop()


@pytest.fixture
def git_world(tmp_path: Path, server: GitServer) -> World:
    remote = new_repository(server.root / "app")
    sha = commit(remote, FILES)
    return World(GitSource(tmp_path / "work"), server.url("app"), sha, remote)


@pytest.fixture(params=["fake", "real"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    if request.param == "real":
        found: World = request.getfixturevalue("git_world")
        return found
    source = InMemorySource(tmp_path / "work")
    return World(source, "http://forge/app", source.push(7, "a" * 40, FILES), tmp_path)


class TestContract:
    async def test_files_of_the_commit(self, world: World) -> None:
        folder = await world.checkout()
        assert (folder / "src/app.js").read_text() == "hello"

    async def test_snapshot_has_paths_and_chosen_texts(self, world: World) -> None:
        snapshot = await world.source.snapshot(await world.checkout())
        assert snapshot.paths == ("Dockerfile.dev", "package.json", "src/app.js")
        assert dict(snapshot.texts) == {"package.json": "{}", "Dockerfile.dev": "FROM scratch"}

    async def test_unknown_commit_is_refused(self, world: World) -> None:
        with pytest.raises(SourceRefused, match="ffffffffffff"):
            await world.checkout(NOWHERE)

    async def test_many_at_once_answer_the_same_folder(self, world: World) -> None:
        folders = await asyncio.gather(*(world.checkout() for _ in range(5)))
        assert len(set(folders)) == 1 and (folders[0] / "package.json").exists()

    async def test_a_commit_is_packed_into_a_file(self, world: World) -> None:
        folder = await world.checkout()
        pack = await world.source.pack(folder, world.sha, None)
        assert pack.stat().st_size > 0
        assert await world.source.pack(folder, world.sha, None) == pack
        assert (await world.source.pack(folder, world.sha, NOWHERE)).stat().st_size > 0, "`have` is but a hint"


class TestGit:
    async def test_a_pack_holds_the_commit_and_no_more(self, git_world: World, tmp_path: Path) -> None:
        newest = CommitSha(commit(git_world.remote, {"new": "1"}))
        pack = await git_world.source.pack(await git_world.checkout(newest), newest, None)
        receiver = new_repository(tmp_path / "receiver")
        git(receiver, "index-pack", "--stdin", stdin=pack.read_bytes())
        assert git(receiver, "show", f"{newest}:new") == "1"
        with pytest.raises(subprocess.CalledProcessError):
            git(receiver, "cat-file", "-e", git_world.sha)  # its parent

    async def test_a_pack_for_who_has_another_commit_is_what_differs(self, git_world: World, tmp_path: Path) -> None:
        big = "".join(f"{hash(number)} {number}\n" for number in range(20_000))
        before = CommitSha(commit(git_world.remote, {"big": big}))
        newest = CommitSha(commit(git_world.remote, {"big": f"{big}one line more\n"}))
        source, receiver = git_world.source, new_repository(tmp_path / "receiver")
        first = await source.pack(await git_world.checkout(before), before, None)
        second = await source.pack(await git_world.checkout(newest), newest, before)
        assert second.stat().st_size < first.stat().st_size / 10
        for pack in (first, second):
            git(receiver, "index-pack", "--fix-thin", "--stdin", stdin=pack.read_bytes())
        assert git(receiver, "show", f"{newest}:big").endswith("one line more")

    async def test_a_pack_has_the_limits_of_a_checkout(self, git_world: World, tmp_path: Path) -> None:
        folder = await git_world.checkout()
        for limits, setting in (
            (SourceLimits(max_bytes=10), "max_bytes"),
            (SourceLimits(timeout=timedelta(0)), "timeout"),
        ):
            with pytest.raises(SourceRefused, match=setting):
                await GitSource(tmp_path / "work", limits).pack(folder, git_world.sha, None)
        assert sorted(entry.name for entry in folder.parent.iterdir() if not entry.name.startswith(".partial-")) == [
            git_world.sha
        ]

    async def test_shallow_and_cached(self, git_world: World, server: GitServer) -> None:
        newest = commit(git_world.remote, {"new": "1"})
        folder = await git_world.checkout(newest)
        assert git(folder, "rev-list", "--count", "HEAD") == "1" and git(folder, "rev-parse", "HEAD") == newest
        asked = len(server.requests)
        assert await git_world.checkout(newest) == folder and len(server.requests) == asked

    async def test_two_processes_may_share_the_folder(self, git_world: World, tmp_path: Path) -> None:
        sources = [GitSource(tmp_path / "work") for _ in range(4)]
        wanted = (source.checkout(7, git_world.url, git_world.sha, None) for source in sources)
        assert len(set(await asyncio.gather(*wanted))) == 1
        assert [entry.name for entry in (tmp_path / "work/7").iterdir()] == [git_world.sha]

    async def test_credential_is_used_and_left_nowhere(self, git_world: World, server: GitServer) -> None:
        server.password = ROBOT.password
        with pytest.raises(SourceRefused):
            await git_world.checkout()
        folder = await git_world.source.checkout(7, git_world.url, git_world.sha, ROBOT)
        kept = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
        assert b"s3cret" not in kept and b"Basic" not in kept

    async def test_forge_away_is_worth_another_try(self, git_world: World) -> None:
        with pytest.raises(SourceUnavailable):
            await git_world.source.checkout(7, "http://127.0.0.1:9/app", git_world.sha, None)

    @pytest.mark.parametrize("url", ["file:///etc", "/etc", "ssh://x/y", "ext::sh -c id", "http://u:p@x/y", "--help"])
    async def test_other_urls_are_refused(self, git_world: World, url: str) -> None:
        with pytest.raises(SourceRefused):
            await git_world.source.checkout(7, url, git_world.sha, None)

    @pytest.mark.parametrize(
        ("limits", "setting"),
        [
            (SourceLimits(max_files=2), "max_files"),
            (SourceLimits(max_bytes=100), "max_bytes"),
            (SourceLimits(timeout=timedelta(milliseconds=1)), "timeout"),
        ],
    )
    async def test_limits_name_their_setting(
        self, git_world: World, tmp_path: Path, limits: SourceLimits, setting: str
    ) -> None:
        source = GitSource(tmp_path / "bounded", limits)
        with pytest.raises(SourceRefused, match=f"source.{setting}"):
            await source.checkout(7, git_world.url, git_world.sha, None)
        assert not list((tmp_path / "bounded/7").iterdir())

    async def test_compressed_bomb_is_never_unpacked(self, git_world: World, tmp_path: Path) -> None:
        sha = commit(git_world.remote, {"zeros": "0" * 20_000_000})
        source = GitSource(tmp_path / "bounded", SourceLimits(max_bytes=5_000_000))
        with pytest.raises(SourceRefused, match="max_bytes"):
            await source.checkout(7, git_world.url, CommitSha(sha), None)

    async def test_links_out_of_the_folder_show_nothing(self, git_world: World, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside/Makefile").write_text("secret")
        links = {
            "Makefile": str(tmp_path / "outside/Makefile"),
            "requirements.txt": ".git/config",
            "out": "../../../outside",
            "go.mod": "package.json",
        }
        folder = await git_world.checkout(commit(git_world.remote, {}, links))
        snapshot = await git_world.source.snapshot(folder)
        assert set(snapshot.texts) == {"package.json", "Dockerfile.dev", "go.mod"}
        assert not any(path.startswith(("out", "Makefile", "requirements")) for path in snapshot.paths)

    async def test_repository_runs_nothing_of_its_own(self, git_world: World, tmp_path: Path) -> None:
        mark = tmp_path / "ran"
        attributes = "* filter=evil diff=evil\n"
        modules = f'[submodule "x"]\n path = x\n url = http://127.0.0.1:9/x\n update = !touch {mark}\n'
        folder = await git_world.checkout(
            commit(git_world.remote, {".gitattributes": attributes, ".gitmodules": modules})
        )
        assert (folder / ".gitattributes").exists() and not mark.exists()

    async def test_oldest_commits_are_dropped(self, git_world: World, tmp_path: Path) -> None:
        limits = SourceLimits(kept=2, unused=timedelta(0))
        source = GitSource(tmp_path / "few", limits)
        for number in range(4):
            sha = commit(git_world.remote, {"n": str(number)})
            await source.checkout(7, git_world.url, CommitSha(sha), None)
        kept = {entry.name for entry in (tmp_path / "few/7").iterdir()}
        assert len(kept) == 2 and sha in kept
        careful = GitSource(tmp_path / "few", replace(limits, unused=timedelta(hours=1)))
        await careful.checkout(7, git_world.url, git_world.sha, None)
        assert len(list((tmp_path / "few/7").iterdir())) == 3

    async def test_cancelling_leaves_no_process_and_no_folder(self, git_world: World, tmp_path: Path) -> None:
        task = asyncio.create_task(git_world.checkout())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.1)
        assert not [entry for entry in (tmp_path / "work/7").iterdir() if entry.name.startswith(".partial")]
