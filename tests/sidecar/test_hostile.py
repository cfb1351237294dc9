"""The application shares the volume and is hostile: nothing that it laid out there runs in the sidecar or leads out of the volume."""

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.gateways.git_server import git, new_repository
from tests.sidecar.origin import Origin
from tests.sidecar.pod import Pod


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that a program makes which must not run."""
    return tmp_path / "canary"


def settings(pod: Pod, canary: Path, *names: str) -> None:
    for name in names:
        git(pod.code, "config", name, f"touch {canary}; cat")


def hooks(pod: Pod, canary: Path) -> None:
    folder = pod.code / ".git" / "hooks"
    folder.mkdir()
    for name in (
        "post-checkout",
        "reference-transaction",
        "post-index-change",
        "pre-commit",
        "post-commit",
        "post-merge",
    ):
        (folder / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (folder / name).chmod(0o755)
    git(pod.code, "config", "core.hooksPath", str(folder))


def filter_driver(pod: Pod, canary: Path) -> None:
    (pod.code / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    (pod.code / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil\n")
    settings(pod, canary, "filter.evil.smudge", "filter.evil.clean", "filter.evil.process")
    settings(pod, canary, "diff.evil.textconv", "diff.external", "merge.evil.driver")


def file_monitor(pod: Pod, canary: Path) -> None:
    settings(pod, canary, "core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "gpg.program")
    git(pod.code, "config", "commit.gpgSign", "true")


def included_settings(pod: Pod, canary: Path) -> None:
    (pod.code / "more").write_text(f'[core]\n\tfsmonitor = "touch {canary}"\n')
    git(pod.code, "config", "include.path", str(pod.code / "more"))


def partial_clone(pod: Pod, canary: Path) -> None:
    git(pod.code, "config", "extensions.partialClone", "evil")
    git(pod.code, "config", "remote.evil.promisor", "true")
    git(pod.code, "config", "remote.evil.url", f"ext::sh -c touch% {canary}")
    git(pod.code, "config", "protocol.allow", "always")


def repository_within(pod: Pod, canary: Path) -> None:
    """Known to the index as a submodule, which git would ask for its state."""
    within = new_repository(pod.code / "within")
    git(within, "commit", "--quiet", "--allow-empty", "--message=inner")
    git(pod.code, "add", "within")
    git(pod.code, "commit", "--quiet", "--message=outer")
    (within / "changed").write_text("x")
    git(within, "config", "core.fsmonitor", f"touch {canary}")


TRAPS = [hooks, filter_driver, file_monitor, included_settings, partial_clone, repository_within]


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_no_program_of_the_repositorys_configuration_runs(
    pod: Pod, origin: Origin, canary: Path, trap: Callable[[Pod, Path], None]
) -> None:
    before = first(pod, origin)
    trap(pod, canary)
    canary.unlink(missing_ok=True)  # people's git, which lays the trap, may fall into it
    (pod.code / "a.txt").write_text("edited\n")
    after = origin.commit({"a.txt": "theirs\n", "b.txt": "new\n", ".gitattributes": "* filter=evil\n"})
    answer = pod.deliver(origin.pack(after, have=before), rollout=2, sha=after, branch="main")
    assert (answer.exit_code, "a.txt" in answer.said["kept"]["files"]) == (0, True)
    assert (pod.code / "b.txt").read_text() == "new\n"
    (pod.code / "a.txt").write_text("edited again\n")
    assert b'"commits":1' in pod.call("send", "--commit", "mine", "--author", "A <a@example.org>")
    assert not canary.exists()


@pytest.mark.parametrize("trap", [trap for trap in TRAPS if trap is not partial_clone], ids=lambda trap: trap.__name__)
def test_people_who_use_git_there_do_fall_into_the_traps(
    pod: Pod, origin: Origin, canary: Path, trap: Callable[[Pod, Path], None]
) -> None:
    """Or the test above would prove nothing."""
    first(pod, origin)
    trap(pod, canary)
    canary.unlink(missing_ok=True)
    (pod.code / "a.txt").write_text("edited\n")
    for command in (["status"], ["add", "--all"], ["commit", "--no-gpg-sign", "--message=x"]):
        with suppress(subprocess.CalledProcessError):
            git(pod.code, *command)
    assert canary.exists()


def first(pod: Pod, origin: Origin) -> str:
    sha = origin.commit({"a.txt": "one\n", "src/c.txt": "inner\n"})
    assert pod.deliver(origin.pack(sha), rollout=1, sha=sha, branch="main").exit_code == 0
    return sha


@pytest.mark.parametrize(
    "place",
    [
        ".git",
        ".git/objects",
        ".git/objects/pack",
        ".git/refs",
        ".git/refs/heads",
        ".git/refs/catalyst",
        ".git/catalyst",
    ],
)
def test_a_link_in_place_of_one_of_gits_folders_is_refused(
    pod: Pod, origin: Origin, tmp_path: Path, place: str
) -> None:
    before = first(pod, origin)
    outside = tmp_path / "outside"
    if (pod.code / place).exists():
        (pod.code / place).rename(outside)
    else:
        outside.mkdir()
    (pod.code / place).symlink_to(outside)
    there = contents(outside)
    after = origin.commit({"a.txt": "theirs\n"})
    answer = pod.deliver(origin.pack(after, have=before), rollout=2, sha=after, branch="main")
    assert (answer.exit_code, answer.said["error"]) == (1, "failed")
    assert place in answer.said["message"]
    assert contents(outside) == there
    assert (pod.code / "a.txt").read_text() == "one\n"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_objects_that_is_a_link_is_refused(pod: Pod, origin: Origin, tmp_path: Path) -> None:
    sha = first(pod, origin)
    (pod.code / ".git/objects/ab").symlink_to(tmp_path)
    answer = pod.deliver(rollout=2, sha=sha, branch="main")
    assert (answer.said["error"], ".git/objects/ab" in answer.said["message"]) == ("failed", True)


def test_a_link_in_place_of_a_folder_leads_no_file_out(pod: Pod, origin: Origin, tmp_path: Path) -> None:
    before = first(pod, origin)
    outside = tmp_path / "outside"
    (pod.code / "src").rename(outside)
    (pod.code / "src").symlink_to(outside)
    after = origin.commit({"src/c.txt": "theirs\n", "src/d.txt": "theirs\n"})
    answer = pod.deliver(origin.pack(after, have=before), rollout=2, sha=after, branch="main")
    assert answer.exit_code == 0
    assert contents(outside) == {str(outside / "c.txt"): b"inner\n"}
    assert (pod.code / "src/d.txt").read_text() == "theirs\n"
    assert not (pod.code / "src").is_symlink()


def test_a_link_in_the_commit_leads_no_later_file_out(pod: Pod, origin: Origin, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = origin.commit({}, links={"place": str(outside)})
    assert pod.deliver(origin.pack(link), rollout=1, sha=link, branch="main").exit_code == 0
    assert (pod.code / "place").is_symlink()
    after = origin.commit({"place/file": "inner\n"}, remove=("place",))
    assert pod.deliver(origin.pack(after, have=link), rollout=2, sha=after, branch="main").exit_code == 0
    assert list(outside.iterdir()) == []
    assert (pod.code / "place/file").read_text() == "inner\n"


def test_links_in_place_of_the_sidecars_files_lead_nothing_out(pod: Pod, origin: Origin, tmp_path: Path) -> None:
    before = first(pod, origin)
    outside = tmp_path / "outside"
    outside.write_text("precious")
    for name in (".git/HEAD.new", ".git/catalyst/rollout.new", ".git/index.new", ".git/catalyst/index.new"):
        (pod.code / name).symlink_to(outside)
    after = origin.commit({"a.txt": "theirs\n"})
    assert pod.deliver(origin.pack(after, have=before), rollout=2, sha=after, branch="main").exit_code == 0
    assert outside.read_text() == "precious"


@pytest.mark.parametrize("name", ["rollout.new", "index.new"])
def test_a_pipe_in_the_way_holds_up_nothing(pod: Pod, origin: Origin, name: str) -> None:
    sha = first(pod, origin)
    os.mkfifo(pod.code / ".git/catalyst" / name)
    assert pod.deliver(rollout=2, sha=sha, branch="main").exit_code == 0


def test_a_pipe_in_place_of_a_file_is_replaced(pod: Pod, origin: Origin) -> None:
    sha = first(pod, origin)
    (pod.code / "a.txt").unlink()
    os.mkfifo(pod.code / "a.txt")
    assert pod.deliver(rollout=2, sha=sha, branch="main").said["kept"]["files"] == ["a.txt"]
    assert (pod.code / "a.txt").read_text() == "one\n"


@pytest.mark.parametrize("place", [".git/index", ".git/catalyst/index", ".git/catalyst/rollout", ".git/HEAD"])
def test_nonsense_in_gits_files_is_mended(pod: Pod, origin: Origin, place: str) -> None:
    before = first(pod, origin)
    (pod.code / place).write_bytes(b"DIRC nonsense" * 50)
    after = origin.commit({"a.txt": "theirs\n"})
    assert pod.deliver(origin.pack(after, have=before), rollout=2, sha=after, branch="main").exit_code == 0
    assert (pod.code / "a.txt").read_text() == "theirs\n"
    assert git(pod.code, "status", "--porcelain") == ""


def test_an_emptied_git_folder_is_made_anew(pod: Pod, origin: Origin) -> None:
    sha = first(pod, origin)
    (pod.code / ".git").rename(pod.folder / "away")
    assert pod.deliver(rollout=2, sha=sha, branch="main").said["error"] == "missing"
    assert pod.deliver(origin.pack(sha), rollout=2, sha=sha, branch="main").said == {
        "ok": True,
        "sha": sha,
        "kept": None,
    }


@pytest.mark.parametrize(
    ("name", "branch"),
    [
        ("feature/über-$(touch${IFS}x)", "feature/über-$(touch${IFS}x)"),
        ("-delete", "preview"),
        ("--upload-pack=x", "preview"),
        ("../../../etc/cron", "preview"),
        ("a..b", "preview"),
        ("a b", "preview"),
        ("@{-1}", "preview"),
        ("HEAD", "preview"),
        ("x.lock", "preview"),
        ("x\ny", "preview"),
        ("x\0y", "preview"),
        ("", "preview"),
        ("x" * 300, "preview"),
        ("main/below", "preview"),
    ],
)
def test_a_branchs_name_is_only_a_name(pod: Pod, origin: Origin, name: str, branch: str) -> None:
    sha = first(pod, origin)
    assert pod.deliver(rollout=2, sha=sha, branch=name).exit_code == 0
    assert git(pod.code, "symbolic-ref", "HEAD") == f"refs/heads/{branch}"
    assert git(pod.code, "rev-parse", "HEAD") == sha
    assert git(pod.code, "status", "--porcelain") == ""


def test_a_branch_below_a_link_becomes_the_plain_one(pod: Pod, origin: Origin, tmp_path: Path) -> None:
    sha = first(pod, origin)
    (pod.code / ".git/refs/heads/out").symlink_to(tmp_path)
    assert pod.deliver(rollout=2, sha=sha, branch="out/x").exit_code == 0
    assert git(pod.code, "symbolic-ref", "HEAD") == "refs/heads/preview"
    assert not (tmp_path / "x").exists()
