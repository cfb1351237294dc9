"""Push back: what was committed in the pod goes out as a pack."""

import json
import subprocess
from typing import Any

import pytest

from tests.gateways.git_server import git
from tests.sidecar.origin import Origin
from tests.sidecar.pod import Pod

AUTHOR = "Ada <ada@example.org>"
COMMIT = ("--commit", "From the pod\n\nWith a body", "--author", AUTHOR)


@pytest.fixture
def delivered(pod: Pod, origin: Origin) -> str:
    sha = origin.commit({"a.txt": "one\n" * 1000, "b.txt": "two\n", ".gitignore": "ignored\n"})
    assert pod.deliver(origin.pack(sha), rollout=1, sha=sha, branch="feature/x").exit_code == 0
    return sha


def send(pod: Pod, *arguments: str) -> tuple[dict[str, Any], bytes]:
    line, _, pack = pod.call("send", *arguments).partition(b"\n")
    header = json.loads(line)
    assert len(pack) == header.get("pack_bytes", 0)
    return header, pack


def take_back(origin: Origin, pack: bytes) -> None:
    """As the worker does with what it then pushes."""
    command = ["git", "index-pack", "--fix-thin", "--stdin"]
    subprocess.run(command, cwd=origin.folder, input=pack, check=True, capture_output=True)


def test_nothing_was_done(pod: Pod, delivered: str) -> None:
    header, _ = send(pod)
    nothing = {"commits": 0, "pack_bytes": 0, "is_dirty": False, "files": []}
    assert header == nothing | {"sha": delivered, "base": delivered}


@pytest.mark.parametrize("path", ["a.txt", "untracked"])
def test_what_was_changed_is_said_to_be_so_and_left(pod: Pod, delivered: str, path: str) -> None:
    (pod.code / path).write_text("edited\n")
    header, _ = send(pod)
    assert (header["is_dirty"], header["commits"], header["sha"]) == (True, 0, delivered)
    assert (pod.code / path).read_text() == "edited\n"


def test_ignored_files_are_nobodys_change(pod: Pod, delivered: str) -> None:
    (pod.code / "ignored").write_text("x")
    assert send(pod)[0]["is_dirty"] is False


def test_peoples_commits_go_out_as_a_thin_pack(pod: Pod, origin: Origin, delivered: str) -> None:
    for text in ("first", "second"):
        with (pod.code / "a.txt").open("a") as file:
            file.write(f"{text}\n")
        git(pod.code, "commit", "--all", "--quiet", f"--message={text}")
    header, pack = send(pod)
    assert (header["commits"], header["base"], header["files"]) == (2, delivered, ["a.txt"])
    take_back(origin, pack)
    assert origin.git("log", "--format=%s", f"{delivered}..{header['sha']}") == "second\nfirst"
    origin.git("fsck")


def test_a_commit_that_changes_no_file_names_none(pod: Pod, delivered: str) -> None:
    git(pod.code, "commit", "--amend", "--quiet", "--message=another past")
    header, _ = send(pod)
    assert (header["base"], header["commits"], header["files"]) == (delivered, 1, [])


def test_everything_is_committed_first_when_asked(pod: Pod, origin: Origin, delivered: str) -> None:
    (pod.code / "a.txt").write_text("edited\n")
    (pod.code / "b.txt").unlink()
    (pod.code / "new").mkdir()
    (pod.code / "new" / "c.txt").write_text("new\n")
    (pod.code / "ignored").write_text("x")
    header, pack = send(pod, *COMMIT)
    assert (header["commits"], header["is_dirty"], header["files"]) == (1, False, ["a.txt", "b.txt", "new/c.txt"])
    take_back(origin, pack)
    shown = origin.git("show", "--no-patch", "--format=%an <%ae>|%cn|%P|%B", header["sha"])
    assert shown == f"{AUTHOR}|Ada|{delivered}|From the pod\n\nWith a body"
    assert origin.git("ls-tree", "-r", "--name-only", header["sha"]).split() == [".gitignore", "a.txt", "new/c.txt"]


def test_the_branch_moves_and_the_working_tree_is_clean(pod: Pod, delivered: str) -> None:
    (pod.code / "a.txt").write_text("edited\n")
    header, _ = send(pod, *COMMIT)
    assert git(pod.code, "rev-parse", "refs/heads/feature/x") == header["sha"]
    assert git(pod.code, "status", "--porcelain") == ""
    assert send(pod)[0]["commits"] == 1


def test_without_changes_nothing_is_committed(pod: Pod, delivered: str) -> None:
    assert send(pod, *COMMIT)[0]["sha"] == delivered


def test_a_head_that_is_on_no_branch_moves_itself(pod: Pod, delivered: str) -> None:
    git(pod.code, "checkout", "--quiet", "--detach")
    (pod.code / "a.txt").write_text("edited\n")
    header, _ = send(pod, *COMMIT)
    assert git(pod.code, "rev-parse", "HEAD") == header["sha"]
    assert git(pod.code, "rev-parse", "refs/heads/feature/x") == delivered


def test_what_was_sent_comes_back_without_being_kept(pod: Pod, delivered: str) -> None:
    (pod.code / "a.txt").write_text("edited\n")
    header, _ = send(pod, *COMMIT)
    answer = pod.deliver(rollout=2, sha=header["sha"], branch="feature/x")
    assert answer == (0, {"ok": True, "sha": header["sha"], "kept": None})
    assert send(pod)[0]["commits"] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--commit", "x", "--author", "nobody"),
        ("--commit", "x"),
        ("--commit", "x", "--author", "A <a\nb>"),
        ("--what",),
    ],
)
def test_arguments_that_are_none_are_refused(pod: Pod, delivered: str, arguments: tuple[str, ...]) -> None:
    (pod.code / "a.txt").write_text("edited\n")
    header, _ = send(pod, *arguments)
    assert (header["ok"], header["error"]) == (False, "invalid")
    assert git(pod.code, "rev-parse", "HEAD") == delivered


def test_before_a_first_delivery_there_is_nothing_to_send(pod: Pod) -> None:
    assert send(pod)[0]["error"] == "missing"
