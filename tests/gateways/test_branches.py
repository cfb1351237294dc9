"""Contract of activities.protocols.Branches, and what the git gateway does with hostile packs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.protocols import Credential, PushRefused, SourceRefused
from environments.model import CommitSha
from gateways.source.errors import SourceUnavailable
from tests.gateways.branch_worlds import (
    BRANCH,
    BranchWorld,
    FakeBranchWorld,
    GitBranchWorld,
    on_gitea,
    served,
)
from tests.gateways.forge_worlds import GiteaWorld
from tests.gateways.git_server import GitServer, commit, git


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    server = GitServer(tmp_path / "served")
    yield server
    server.stop()


@pytest.fixture
def git_world(tmp_path: Path, server: GitServer) -> GitBranchWorld:
    return served(server, tmp_path)


@pytest_asyncio.fixture
async def gitea_branches(gitea_world: GiteaWorld, tmp_path: Path) -> GitBranchWorld:
    return await on_gitea(gitea_world, tmp_path)


@pytest.fixture(params=["fake", "git", "gitea"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> BranchWorld:
    if request.param == "fake":
        return FakeBranchWorld(tmp_path)
    name = "git_world" if request.param == "git" else "gitea_branches"
    found: GitBranchWorld = request.getfixturevalue(name)
    return found


class TestContract:
    async def test_a_commit_moves_the_branch_forward(self, world: BranchWorld) -> None:
        made = world.made("mine")
        await world.push(made)
        assert world.head() == made[0]

    async def test_the_same_again_is_success(self, world: BranchWorld) -> None:
        made = world.made("mine")
        for _ in range(2):
            await world.push(made)
        assert world.head() == made[0]

    async def test_a_second_push_before_the_first_came_back(self, world: BranchWorld) -> None:
        """What the pod was given last lies two commits back."""
        await world.push(world.made("one"))
        second = world.made("two")
        await world.push(second)
        assert world.head() == second[0]

    async def test_a_branch_that_moved_is_left_alone(self, world: BranchWorld) -> None:
        made = world.made("mine")
        world.moves()
        theirs = world.head()
        with pytest.raises(PushRefused, match="don't build upon change"):
            await world.push(made)
        assert world.head() == theirs

    async def test_a_branch_that_moves_meanwhile_is_left_alone(self, world: BranchWorld) -> None:
        """Between our look at the forge and our push."""
        made, seen = world.made("mine"), world.head()
        world.moves()
        theirs = world.head()
        with pytest.raises(PushRefused, match="don't build upon change"):
            await world.push(made, expected=seen)
        assert world.head() == theirs

    async def test_what_came_back_is_built_upon(self, world: BranchWorld) -> None:
        await world.push(world.made("one"))
        world.delivered()
        made = world.made("two")
        await world.push(made)
        assert world.head() == made[0]


class TestGit:
    async def test_author_message_and_files_are_as_they_were_made(self, git_world: GitBranchWorld) -> None:
        sha, base, pack = git_world.made("mine")
        await git_world.push((sha, base, pack))
        remote = git_world._folder / "served" / "app"
        assert git(remote, "show", "--no-patch", "--format=%an|%s|%P", BRANCH) == f"t@example.org|test|{base}"
        assert git(remote, "show", f"{BRANCH}:text") == "mine"
        git(remote, "fsck", "--strict")

    async def test_a_file_as_an_older_commit_had_it(self, git_world: GitBranchWorld) -> None:
        """The pack leaves out what only the branch's past has: then that is fetched too."""
        await git_world.push(git_world.made("two"))
        git_world.delivered()
        made = git_world.made("first")
        await git_world.push(made)
        assert git_world.head() == made[0]

    async def test_a_merge_of_what_was_pushed_meanwhile(self, git_world: GitBranchWorld) -> None:
        git_world.made("mine")
        git_world.moves()
        git(git_world.pod, "fetch", "--quiet", "origin")
        git(git_world.pod, "merge", "--quiet", "--no-edit", f"origin/{BRANCH}")
        made = git_world.packed(git(git_world.pod, "rev-parse", "HEAD"))
        await git_world.push(made)
        assert git_world.head() == made[0]

    async def test_the_credential_is_in_no_file_and_no_command(
        self, git_world: GitBranchWorld, server: GitServer
    ) -> None:
        await git_world.push(git_world.made("mine"))
        pushed = [header for path, header in server.requests if "git-receive-pack" in path]
        assert pushed and all(pushed)
        left = [path for path in (git_world._folder / "work").rglob("*") if path.is_file()]
        assert left == [], "nothing stays"

    async def test_a_wrong_credential_is_said(self, git_world: GitBranchWorld) -> None:
        git_world.credential = Credential("robot", "wrong")
        made = git_world.packed(commit(git_world.pod, {"text": "x"}))
        push = git_world.push_of(made)
        with pytest.raises(SourceRefused, match="could not read Username") as refused:
            await git_world.branches.push(push, git_world.credential)
        assert "wrong" not in str(refused.value)

    async def test_one_who_may_read_only_is_told(self, git_world: GitBranchWorld) -> None:
        git(git_world._folder / "served" / "app", "config", "http.receivepack", "false")
        with pytest.raises(PushRefused, match="may not write"):
            await git_world.push(git_world.made("mine"))

    async def test_the_forge_s_own_no_is_passed_on(self, git_world: GitBranchWorld) -> None:
        hook = git_world._folder / "served" / "app" / ".git" / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho 'Not allowed to push to protected branch change'\nexit 1\n")
        hook.chmod(0o755)
        with pytest.raises(PushRefused, match="The forge refused change: Not allowed to push to protected branch"):
            await git_world.push(git_world.made("mine"))

    async def test_a_forge_that_is_down_is_worth_another_try(
        self, git_world: GitBranchWorld, server: GitServer
    ) -> None:
        push = git_world.push_of(git_world.made("mine"))
        server.stop()
        with pytest.raises(SourceUnavailable):
            await git_world.branches.push(push, git_world.credential)


def tree_of(world: GitBranchWorld, *lines: str) -> str:
    made = git(world.pod, "mktree", "--missing", stdin="".join(f"{line}\n" for line in lines).encode())
    return git(world.pod, "commit-tree", made, "-p", "HEAD", "-m", "hostile")


def blob_of(world: GitBranchWorld, content: str) -> str:
    return git(world.pod, "hash-object", "-w", "--stdin", stdin=content.encode())


class TestHostile:
    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("040000 tree {tree}\t.git", "hasDotgit"),
            ("040000 tree {tree}\t.GIT", "hasDotgit"),
            ("120000 blob {blob}\t.gitmodules", "gitmodulesSymlink"),
            ("100644 blob {modules}\t.gitmodules", "gitmodules"),
        ],
    )
    async def test_what_git_s_check_knows_is_refused(self, git_world: GitBranchWorld, line: str, words: str) -> None:
        before = git_world.head()
        blob = blob_of(git_world, "/etc")
        modules = blob_of(git_world, '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch\n')
        tree = git(git_world.pod, "mktree", stdin=f"100644 blob {blob}\tconfig\n".encode())
        sha = tree_of(git_world, line.format(tree=tree, blob=blob, modules=modules))
        with pytest.raises(PushRefused, match=words):
            await git_world.push(git_world.packed(sha))
        assert git_world.head() == before

    @pytest.mark.parametrize(
        "content", [b"", b"PACK", b"nonsense" * 1000, b"PACK\0\0\0\2\xff\xff\xff\xff" + b"\0" * 99]
    )
    async def test_what_is_no_pack_is_refused(self, git_world: GitBranchWorld, content: bytes) -> None:
        sha, base, pack = git_world.made("mine")
        pack.write_bytes(content)
        with pytest.raises(PushRefused):
            await git_world.push((sha, base, pack))

    async def test_a_commit_that_isn_t_in_the_pack_is_refused(self, git_world: GitBranchWorld) -> None:
        _, base, pack = git_world.made("mine")
        with pytest.raises(PushRefused, match="no commit"):
            await git_world.push((CommitSha("f" * 40), base, pack))

    @pytest.mark.parametrize("sha", ["--all", "HEAD", "f" * 39, ":refs/heads/main"])
    async def test_a_name_that_is_no_commit_s_is_refused(self, git_world: GitBranchWorld, sha: str) -> None:
        _, base, pack = git_world.made("mine")
        with pytest.raises(PushRefused, match="is none"):
            await git_world.push((CommitSha(sha), base, pack))

    async def test_a_tag_is_no_commit(self, git_world: GitBranchWorld) -> None:
        git(git_world.pod, "tag", "--annotate", "--message=x", "v1")
        tag = git(git_world.pod, "rev-parse", "refs/tags/v1")
        commit(git_world.pod, {"text": "x"})
        sha, base, pack = git_world.packed(tag)
        with pytest.raises(PushRefused):
            await git_world.push((sha, base, pack))
        assert git_world.head() == base

    async def test_history_that_shares_nothing_is_refused(self, git_world: GitBranchWorld) -> None:
        tree = git(git_world.pod, "rev-parse", "HEAD^{tree}")
        alone = git(git_world.pod, "commit-tree", tree, "-m", "alone")
        with pytest.raises(PushRefused, match="don't build upon"):
            await git_world.push(git_world.packed(alone))

    async def test_commits_without_number_are_refused(
        self, git_world: GitBranchWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateways.source.branches.MOST_COMMITS", 2)
        made = [git_world.made(str(number)) for number in range(3)][-1]
        with pytest.raises(PushRefused, match="More than 2 commits"):
            await git_world.push(made)

    async def test_files_without_number_are_refused(self, git_world: GitBranchWorld) -> None:
        git_world.bounded(max_files=3)
        made = git_world.packed(commit(git_world.pod, {f"many/{number}": "x" for number in range(5)}))
        with pytest.raises(SourceRefused, match="more files than"):
            await git_world.push(made)

    async def test_bytes_without_number_are_refused(self, git_world: GitBranchWorld) -> None:
        git_world.bounded(max_bytes=300_000)
        (git_world.pod / "big").write_bytes(os.urandom(500_000))
        made = git_world.packed(commit(git_world.pod, {}))
        with pytest.raises(PushRefused):
            await git_world.push(made)

    async def test_a_small_pack_of_a_big_file_is_refused(self, git_world: GitBranchWorld) -> None:
        """Hundreds of megabytes of nothing, packed to less than one: its size counts as it would lie on a disk."""
        with (git_world.pod / "bomb").open("wb") as file:
            file.truncate(200 << 20)
        made = git_world.packed(commit(git_world.pod, {}))
        assert made[2].stat().st_size < 5 << 20
        git_world.bounded(max_bytes=100 << 20)
        with pytest.raises(SourceRefused, match="max_bytes"):
            await git_world.push(made)

    async def test_no_hook_filter_or_program_of_the_commit_runs(
        self, git_world: GitBranchWorld, tmp_path: Path
    ) -> None:
        canary = tmp_path / "canary"
        hostile = {".gitattributes": "* filter=x diff=x merge=x\n", "hooks/pre-push": f"#!/bin/sh\ntouch {canary}\n"}
        await git_world.push(git_world.packed(commit(git_world.pod, hostile)))
        assert not canary.exists()

    async def test_nothing_but_the_branch_is_pushed(self, git_world: GitBranchWorld) -> None:
        remote = git_world._folder / "served" / "app"
        before = git(remote, "for-each-ref", "--format=%(refname)")
        made = git_world.made("mine")
        git(git_world.pod, "tag", "--annotate", "--message=x", "v1")
        git_world.packed(git(git_world.pod, "rev-parse", "HEAD"))
        await git_world.push(made)
        assert git(remote, "for-each-ref", "--format=%(refname)") == before

    async def test_nothing_is_left_on_the_disk(self, git_world: GitBranchWorld) -> None:
        _, base, pack = git_world.made("mine")
        pack.write_bytes(b"nonsense")
        with pytest.raises(PushRefused):
            await git_world.push((CommitSha("a" * 40), base, pack))
        assert [path for path in (git_world._folder / "work").rglob("*") if path.is_file()] == []
