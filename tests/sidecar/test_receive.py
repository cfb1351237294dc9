"""Deliveries: a commit comes in as a pack, and the working tree follows without losing anything."""

import json
import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.gateways.git_server import git
from tests.sidecar.origin import Origin
from tests.sidecar.pod import Pod

FILES = {"a.txt": "one\n", "same.txt": "same\n", "folder/b.txt": "two\n" * 200}
LONG = "line\n" * 5000


def peoples_git(pod: Pod, *arguments: str) -> str:
    """As somebody types it in the terminal, who has set safe.directory."""
    return git(pod.code, "-c", "safe.directory=*", *arguments)


def first(pod: Pod, origin: Origin, files: dict[str, str] = FILES) -> str:
    sha = origin.commit(files)
    answer = pod.deliver(origin.pack(sha), rollout=1, sha=sha, branch="feature/x")
    assert answer == (0, {"ok": True, "sha": sha, "kept": None})
    return sha


def test_a_first_delivery_is_checked_out_on_its_branch(pod: Pod, origin: Origin) -> None:
    sha = first(pod, origin)
    assert {path: (pod.code / path).read_text() for path in FILES} == FILES
    assert peoples_git(pod, "rev-parse", "HEAD") == sha
    assert peoples_git(pod, "branch", "--show-current") == "feature/x"
    assert peoples_git(pod, "status", "--porcelain") == ""


def test_what_is_wanted_is_told_to_the_supervisor(pod: Pod, origin: Origin) -> None:
    sha = origin.commit(FILES)
    wanted: dict[str, Any] = {"command": "npm run dev", "install": "npm ci", "install_inputs": ["package-lock.json"]}
    wanted |= {"workdir": "folder", "env": {"A": "b"}, "port": 3000, "is_port_fixed": True, "is_watching": True}
    assert pod.deliver(origin.pack(sha), rollout=7, sha=sha, branch="main", **wanted).exit_code == 0
    told = json.loads(pod.wanted.read_text())
    assert told == wanted | {"rollout": 7, "sha": sha, "branch": "main"}


def test_an_increment_touches_only_what_changed(pod: Pod, origin: Origin) -> None:
    before = first(pod, origin)
    (pod.code / "untracked").write_text("mine")
    times = {path: (pod.code / path).stat().st_mtime_ns for path in ("same.txt", "folder/b.txt")}
    after = origin.commit({"a.txt": "changed\n", "new/c.txt": "three\n"})
    thin = origin.pack(after, have=before)
    assert pod.deliver(thin, rollout=2, sha=after, branch="feature/x").said["kept"] is None
    assert (pod.code / "a.txt").read_text() == "changed\n"
    assert (pod.code / "new/c.txt").read_text() == "three\n"
    assert (pod.code / "untracked").read_text() == "mine"
    assert {path: (pod.code / path).stat().st_mtime_ns for path in times} == times
    assert peoples_git(pod, "log", "--format=%H") == f"{after}\n{before}"


def test_a_thin_pack_is_completed_with_what_is_there(pod: Pod, origin: Origin) -> None:
    before = first(pod, origin, {"long.txt": LONG})
    after = origin.commit({"long.txt": LONG + "more\n"})
    thin, whole = origin.pack(after, have=before), origin.pack(after)
    assert len(thin) < len(whole)
    assert pod.deliver(thin, rollout=2, sha=after, branch="main").exit_code == 0
    assert (pod.code / "long.txt").read_text() == LONG + "more\n"
    peoples_git(pod, "fsck", "--strict")


def test_deleted_and_renamed_files_go(pod: Pod, origin: Origin) -> None:
    before = first(pod, origin)
    origin.git("mv", "a.txt", "renamed.txt")
    after = origin.commit({}, remove=("folder/b.txt",))
    assert pod.deliver(origin.pack(after, have=before), rollout=2, sha=after, branch="feature/x").exit_code == 0
    assert sorted(path.name for path in pod.code.iterdir()) == [".git", "renamed.txt", "same.txt"]


def test_a_commit_whose_parents_were_not_sent_has_no_history(pod: Pod, origin: Origin) -> None:
    origin.commit({"a.txt": "unknown to the pod"})
    sha = origin.commit(FILES)
    assert pod.deliver(origin.pack(sha), rollout=1, sha=sha, branch="main").exit_code == 0
    assert peoples_git(pod, "log", "--format=%H") == sha
    peoples_git(pod, "fsck")


def test_a_delivery_may_be_repeated(pod: Pod, origin: Origin) -> None:
    sha = first(pod, origin)
    for _ in range(2):
        answer = pod.deliver(rollout=1, sha=sha, branch="feature/x")
        assert answer == (0, {"ok": True, "sha": sha, "kept": None})


def test_nothing_but_the_lock_stays_in_the_sidecar(pod: Pod, origin: Origin) -> None:
    sha = first(pod, origin)
    pod.deliver(rollout=0, sha=sha, branch="main")
    pod.deliver(rollout=2, sha="1" * 40, branch="main")
    assert [path.suffix for path in pod.own.iterdir()] == [".lock"]


def test_an_older_rollout_is_refused_whatever_it_brings(pod: Pod, origin: Origin) -> None:
    old, new = origin.commit({"a.txt": "old"}), origin.commit({"a.txt": "new"})
    assert pod.deliver(origin.pack(new), rollout=5, sha=new, branch="main").exit_code == 0
    answer = pod.deliver(origin.pack(old), rollout=4, sha=old, branch="main")
    assert (answer.exit_code, answer.said["error"]) == (1, "stale")
    assert "5" in answer.said["message"]
    assert (pod.code / "a.txt").read_text() == "new"
    assert json.loads(pod.wanted.read_text())["rollout"] == 5


def remove_objects(pod: Pod) -> None:
    subprocess.run("rm -rf .git/objects/pack/* .git/objects/??", shell=True, cwd=pod.code, check=True)


@pytest.mark.parametrize("is_thin", [True, False], ids=["thin pack", "no pack"])
def test_what_is_not_there_is_asked_for_and_then_taken(pod: Pod, origin: Origin, is_thin: bool) -> None:
    before = first(pod, origin, {"long.txt": LONG})
    remove_objects(pod)
    after = origin.commit({"long.txt": LONG + "more\n"})
    pack = origin.pack(after, have=before) if is_thin else b""
    answer = pod.deliver(pack, rollout=2, sha=after, branch="main")
    assert (answer.exit_code, answer.said["error"]) == (1, "missing")
    assert pod.deliver(origin.pack(after), rollout=2, sha=after, branch="main").exit_code == 0
    assert (pod.code / "long.txt").read_text() == LONG + "more\n"


def test_a_commit_of_which_a_file_is_missing_is_not_checked_out(pod: Pod, origin: Origin) -> None:
    sha = origin.commit(FILES)
    without = [line for line in origin.git("rev-list", "--objects", sha).split("\n") if "same.txt" not in line]
    answer = pod.deliver(origin._pack("\n".join(without), []), rollout=1, sha=sha, branch="main")
    assert answer.said["error"] == "missing"
    assert not (pod.code / "a.txt").exists()


def test_a_pack_that_is_none_is_refused_with_what_git_says(pod: Pod, origin: Origin) -> None:
    answer = pod.deliver(b"nonsense" * 100, rollout=1, sha="1" * 40, branch="main")
    assert (answer.exit_code, answer.said["error"]) == (1, "failed")
    assert "pack" in answer.said["message"]


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b'{"rollout":1,"sha":"main","branch":"x"}',
        b'{"rollout":0,"sha":"1111111111111111111111111111111111111111"}',
        b'{"rollout":1,"sha":"1111111111111111111111111111111111111111","workdir":"../etc"}',
        b'{"rollout":1,"sha":"1111111111111111111111111111111111111111","install_inputs":["/etc/passwd"]}',
        b'{"rollout":1,"sha":"1111111111111111111111111111111111111111","env":{"A=B":"c"}}',
        b'{"rollout":1,"sha":"1111111111111111111111111111111111111111","port":70000}',
        b'{"rollout":1,"sha":"1111111111111111111111111111111111111111","pack_bytes":-1}',
    ],
)
def test_a_header_that_is_none_is_refused(pod: Pod, line: bytes) -> None:
    exit_code, said = pod.answer(line + b"\n")
    assert (exit_code, said["ok"], said["error"]) == (1, False, "invalid")
    assert list(pod.code.iterdir()) == []


def test_a_header_that_is_too_long_is_refused(pod: Pod) -> None:
    """Without reading on: where it would end, nobody has said. So the sender's pipe may break."""
    process = pod.open("receive")
    assert process.stdin is not None and process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.write(b'{"padding":"' + b"x" * (1 << 20))
        process.stdin.flush()
    assert json.loads(process.stdout.readline())["error"] == "invalid"
    with suppress(BrokenPipeError):
        process.stdin.close()


@pytest.mark.parametrize("header", [{"workdir": "/etc"}, {"rollout": 1}], ids=["invalid", "stale"])
def test_a_sender_can_send_all_of_a_pack_that_is_refused(pod: Pod, origin: Origin, header: dict[str, Any]) -> None:
    sha = origin.commit(FILES)
    assert pod.deliver(origin.pack(sha), rollout=2, sha=sha, branch="main").exit_code == 0
    answer = pod.deliver(b"x" * (4 << 20), **({"rollout": 3, "sha": sha, "branch": "main"} | header))
    assert (answer.exit_code, answer.said["ok"]) == (1, False)


# --- changes made in the pod -------------------------------------------------------------------------------------


def modify(pod: Pod) -> None:
    (pod.code / "a.txt").write_text("edited\n")


def delete(pod: Pod) -> None:
    (pod.code / "folder/b.txt").unlink()


def commit_locally(pod: Pod) -> None:
    (pod.code / "a.txt").write_text("committed\n")
    peoples_git(pod, "commit", "--all", "--quiet", "--message=mine")


def commit_on_another_branch(pod: Pod) -> None:
    peoples_git(pod, "checkout", "--quiet", "-b", "mine")
    commit_locally(pod)


def commit_and_leave(pod: Pod) -> None:
    """What is committed is on no branch that stays."""
    commit_locally(pod)
    peoples_git(pod, "checkout", "--quiet", "--detach", "HEAD~1")


def stand_in_the_way(pod: Pod) -> None:
    (pod.code / "new.txt").write_text("mine\n")


def stand_in_the_way_though_ignored(pod: Pod) -> None:
    (pod.code / ".git/info/exclude").write_text("new.txt\n")
    stand_in_the_way(pod)


def a_folder_in_the_way(pod: Pod) -> None:
    (pod.code / "new.txt").mkdir()
    (pod.code / "new.txt" / "inner").write_text("mine\n")


def a_file_where_a_folder_goes(pod: Pod) -> None:
    (pod.code / "deep").write_text("mine\n")


@pytest.mark.parametrize(
    ("change", "files", "path", "content"),
    [
        (modify, ["a.txt"], "a.txt", "edited"),
        (delete, ["folder/b.txt"], "folder/b.txt", None),
        (commit_locally, ["a.txt"], "a.txt", "committed"),
        (commit_on_another_branch, ["a.txt"], "a.txt", "committed"),
        (commit_and_leave, ["a.txt"], None, None),
        (stand_in_the_way, ["new.txt"], "new.txt", "mine"),
        (stand_in_the_way_though_ignored, ["new.txt"], "new.txt", "mine"),
        (a_folder_in_the_way, ["new.txt/inner"], "new.txt/inner", "mine"),
        (a_file_where_a_folder_goes, ["deep"], "deep", "mine"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_would_be_lost_is_kept(
    pod: Pod, origin: Origin, change: Callable[[Pod], None], files: list[str], path: str | None, content: str | None
) -> None:
    before = first(pod, origin)
    (pod.code / "notes").write_text("untracked\n")
    change(pod)
    after = origin.commit({"a.txt": "theirs\n", "folder/b.txt": "theirs\n", "new.txt": "theirs\n", "deep/er": "x\n"})
    answer = pod.deliver(origin.pack(after, have=before), rollout=2, sha=after, branch="feature/x")
    assert answer.exit_code == 0
    kept = answer.said["kept"]
    assert (kept["ref"], kept["files"], kept["count"]) == ("refs/catalyst/kept/2", files, 1)
    assert peoples_git(pod, "rev-parse", kept["ref"]) == kept["commit"]
    if path is not None:
        assert shown(pod, kept["commit"], path) == content
    assert (pod.code / "notes").read_text() == "untracked\n"
    assert {name: (pod.code / name).read_text() for name in ("a.txt", "new.txt", "deep/er")} == {
        "a.txt": "theirs\n",
        "new.txt": "theirs\n",
        "deep/er": "x\n",
    }
    assert peoples_git(pod, "status", "--porcelain") == "?? notes"


def shown(pod: Pod, commit: str, path: str) -> str | None:
    if not peoples_git(pod, "ls-tree", "-r", commit, "--", path):
        return None
    return peoples_git(pod, "show", f"{commit}:{path}")


def test_commits_that_no_branch_holds_any_more_can_be_reached_from_what_is_kept(pod: Pod, origin: Origin) -> None:
    before = first(pod, origin)
    commit_locally(pod)
    mine = peoples_git(pod, "rev-parse", "HEAD")
    peoples_git(pod, "checkout", "--quiet", "--detach", "HEAD~1")
    after = origin.commit({"a.txt": "theirs\n"})
    kept = pod.deliver(origin.pack(after, have=before), rollout=2, sha=after, branch="feature/x").said["kept"]
    assert mine in peoples_git(pod, "rev-list", kept["ref"]).split()


@pytest.mark.parametrize(
    ("files", "is_committed"),
    [({"a.txt": "same idea\n"}, False), ({"a.txt": "x\n"}, True)],
    ids=["edited", "committed"],
)
def test_what_is_delivered_as_it_was_made_in_the_pod_is_not_kept(
    pod: Pod, origin: Origin, files: dict[str, str], is_committed: bool
) -> None:
    """Push back: the forge tells of the commit that came from here."""
    before = first(pod, origin)
    for path, text in files.items():
        (pod.code / path).write_text(text)
    if is_committed:
        peoples_git(pod, "commit", "--all", "--quiet", "--message=mine")
        after = peoples_git(pod, "rev-parse", "HEAD")
        answer = pod.deliver(rollout=2, sha=after, branch="feature/x")
    else:
        after = origin.commit(files)
        answer = pod.deliver(origin.pack(after, have=before), rollout=2, sha=after, branch="feature/x")
    assert answer == (0, {"ok": True, "sha": after, "kept": None})


def test_a_repeated_delivery_leaves_what_was_kept_before(pod: Pod, origin: Origin) -> None:
    sha = first(pod, origin)
    refs: list[str] = []
    for text in ("one\n2", "one\n3"):
        (pod.code / "a.txt").write_text(text)
        refs.append(pod.deliver(rollout=2, sha=sha, branch="feature/x").said["kept"]["ref"])
    assert [shown(pod, ref, "a.txt") for ref in refs] == ["one\n2", "one\n3"]


def test_many_changed_files_are_counted_and_some_named(pod: Pod, origin: Origin) -> None:
    sha = first(pod, origin, {f"{number:02}": "x" for number in range(30)})
    for number in range(30):
        (pod.code / f"{number:02}").write_text("y")
    kept = pod.deliver(rollout=2, sha=sha, branch="main").said["kept"]
    assert (kept["count"], kept["files"]) == (30, [f"{number:02}" for number in range(20)])


def test_files_of_an_unfinished_merge_do_not_stand_in_the_way(pod: Pod, origin: Origin) -> None:
    before = first(pod, origin)
    commit_on_another_branch(pod)
    peoples_git(pod, "checkout", "--quiet", "feature/x")
    (pod.code / "a.txt").write_text("conflicting\n")
    peoples_git(pod, "commit", "--all", "--quiet", "--message=mine too")
    with pytest.raises(subprocess.CalledProcessError):
        peoples_git(pod, "merge", "mine")
    after = origin.commit({"a.txt": "theirs\n"})
    answer = pod.deliver(origin.pack(after, have=before), rollout=2, sha=after, branch="feature/x")
    assert answer.said["kept"]["files"] == ["a.txt"]
    assert "theirs" not in (shown(pod, answer.said["kept"]["commit"], "a.txt") or "")
    assert peoples_git(pod, "status", "--porcelain") == ""
    assert not (pod.code / ".git/MERGE_HEAD").exists()


def test_another_user_may_change_everything(pod: Pod, origin: Origin) -> None:
    first(pod, origin)
    folders = [pod.code / name for name in ("folder", ".git", ".git/objects", ".git/refs/heads", ".git/catalyst")]
    files = [pod.code / name for name in ("a.txt", ".git/index", ".git/HEAD", ".git/config")]
    assert [oct(path.stat().st_mode & 0o777) for path in folders] == ["0o777"] * len(folders)
    assert [oct(path.stat().st_mode & 0o777) for path in [*files, pod.wanted]] == ["0o666"] * 5


def test_deliveries_at_once_end_with_the_newest(pod: Pod, origin: Origin) -> None:
    """All have sent everything but the last byte, then that: they would check out into one another."""
    shas = [origin.commit({f"{name:03}": f"{number}" for name in range(400)}) for number in range(5)]
    processes = [begun(pod, origin, rollout, sha) for rollout, sha in enumerate(shas, start=1)]
    for process, last in processes:
        assert process.stdin is not None
        process.stdin.write(last)
        process.stdin.flush()
    said = [json.loads(process.stdout.readline()) for process, _ in processes if process.stdout is not None]
    assert said[-1] == {"ok": True, "sha": shas[-1], "kept": None}
    assert {(each.get("error", "stale"), each.get("kept")) for each in said} == {("stale", None)}
    assert {(pod.code / f"{name:03}").read_text() for name in range(400)} == {"4"}
    assert json.loads(pod.wanted.read_text())["sha"] == shas[-1]


def begun(pod: Pod, origin: Origin, rollout: int, sha: str) -> tuple[subprocess.Popen[bytes], bytes]:
    """A delivery, and the byte that it lacks."""
    process, pack = pod.open("receive"), origin.pack(sha)
    header: dict[str, Any] = {"rollout": rollout, "sha": sha, "branch": "main", "pack_bytes": len(pack)}
    assert process.stdin is not None
    process.stdin.write(json.dumps(header).encode() + b"\n" + pack[:-1])
    process.stdin.flush()
    return process, pack[-1:]


def test_a_sender_that_stops_in_the_middle_holds_up_nobody(pod: Pod, origin: Origin) -> None:
    sha = origin.commit(FILES)
    pack = origin.pack(sha)
    stuck = pod.open("receive")
    header = {"rollout": 1, "sha": sha, "branch": "main", "pack_bytes": len(pack)}
    assert stuck.stdin is not None
    stuck.stdin.write(json.dumps(header).encode() + b"\n" + pack[:20])
    stuck.stdin.flush()
    assert pod.deliver(pack, rollout=2, sha=sha, branch="main").exit_code == 0


def test_a_volume_that_is_no_folder_is_told(pod: Pod, origin: Origin, tmp_path: Path) -> None:
    sha = origin.commit(FILES)
    os.rename(pod.code, tmp_path / "away")
    answer = pod.deliver(origin.pack(sha), rollout=1, sha=sha, branch="main")
    assert (answer.exit_code, answer.said["error"]) == (1, "failed")
