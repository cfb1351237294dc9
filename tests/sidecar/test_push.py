"""`git push` in the terminal: what the sidecar offers it, what it asks the worker, and what the terminal is told."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.gateways.git_server import AUTHOR, git
from tests.patience import PATIENCE_SECONDS
from tests.sidecar.network import is_started, serving
from tests.sidecar.origin import Origin
from tests.sidecar.pod import Pod, eventually
from tests.sidecar.test_send import take_back

BRANCH = "feature/x"
FILES = {"a.txt": "one\n" * 1000, "b.txt": "two\n"}


@pytest.fixture
def delivered(pod: Pod, origin: Origin) -> str:
    """The pod runs, and has its first commit."""
    serving(pod)
    sha = origin.commit(FILES)
    assert pod.deliver(origin.pack(sha), rollout=1, sha=sha, branch=BRANCH).exit_code == 0
    return sha


class Terminal:
    """`git push` as somebody types it."""

    def __init__(self, pod: Pod, *arguments: str) -> None:
        environment = pod.environment(HOME=str(pod.folder), GIT_CONFIG_NOSYSTEM="1", **AUTHOR)
        self._process = subprocess.Popen(
            ["git", "-c", "safe.directory=*", "push", *arguments],
            cwd=pod.code,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def ends(self) -> tuple[int, str]:
        said, _ = self._process.communicate(timeout=PATIENCE_SECONDS)
        return self._process.returncode, said


class Worker:
    """What of the worker a pod sees."""

    def __init__(self, pod: Pod) -> None:
        self._pod, self._asked = pod, pod.open("pushes")

    def is_asked(self) -> dict[str, Any]:
        assert self._asked.stdout is not None
        while True:
            line = json.loads(self._asked.stdout.readline())
            if "push" in line:
                return dict(line["push"])

    def answers(self, push: dict[str, Any], message: str, *how: str) -> None:
        said = self._pod.call("answer", f"--id={push['id']}", f"--message={message}", *how)
        assert json.loads(said) == {"ok": True}


def commit(pod: Pod, text: str = "mine\n") -> str:
    with (pod.code / "a.txt").open("a") as file:
        file.write(text)
    git(pod.code, "commit", "--all", "--quiet", "--message=mine")
    return git(pod.code, "rev-parse", "HEAD")


def sent(pod: Pod, *arguments: str) -> tuple[dict[str, Any], bytes]:
    line, _, pack = pod.call("send", *arguments).partition(b"\n")
    return json.loads(line), pack


def test_a_push_waits_for_its_answer_and_says_it(pod: Pod, origin: Origin, delivered: str) -> None:
    sha = commit(pod)
    terminal, worker = Terminal(pod), Worker(pod)
    push = worker.is_asked()
    assert push["sha"] == sha
    header, pack = sent(pod, f"--tip={sha}")
    assert (header["sha"], header["base"], header["commits"]) == (sha, delivered, 1)
    take_back(origin, pack)
    worker.answers(push, "1 commit was pushed to feature/x.", "--done")
    code, said = terminal.ends()
    assert code == 0
    assert "1 commit was pushed to feature/x." in said
    assert f"{delivered[:7]}..{sha[:7]}" in said
    assert git(pod.code, "rev-parse", "origin/feature/x") == sha


def test_a_refusal_is_said_and_is_an_error(pod: Pod, delivered: str) -> None:
    commit(pod)
    terminal, worker = Terminal(pod), Worker(pod)
    worker.answers(worker.is_asked(), "The pull request is closed.")
    code, said = terminal.ends()
    assert code == 1
    assert "The pull request is closed." in said
    assert "rejected" in said


def test_one_after_another_is_answered(pod: Pod, delivered: str) -> None:
    worker = Worker(pod)
    for text in ("one", "two"):
        sha = commit(pod, text)
        terminal = Terminal(pod)
        push = worker.is_asked()
        assert push["sha"] == sha
        worker.answers(push, text, "--done")
        assert terminal.ends()[0] == 0


def test_nothing_new_asks_nobody(pod: Pod, delivered: str) -> None:
    code, said = Terminal(pod).ends()
    assert (code, "up-to-date" in said) == (0, True)


def test_what_came_back_is_nothing_new(pod: Pod, delivered: str) -> None:
    """The worker delivers what it pushed, as every commit."""
    sha = commit(pod)
    times = {path: (pod.code / path).stat().st_mtime_ns for path in FILES}
    assert pod.deliver(rollout=2, sha=sha, branch=BRANCH).said == {"ok": True, "sha": sha, "kept": None}
    assert {path: (pod.code / path).stat().st_mtime_ns for path in FILES} == times, "no file is touched"
    assert "up-to-date" in Terminal(pod).ends()[1]


def test_pull_says_that_there_is_nothing_newer(pod: Pod, delivered: str) -> None:
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "pull", "origin", BRANCH],
        cwd=pod.code,
        env=pod.environment(HOME=str(pod.folder), **AUTHOR),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "up to date" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("origin", "HEAD:refs/heads/other"), "git push origin HEAD:feature/x"),
        (("origin", "HEAD:refs/tags/v1"), "git push origin HEAD:feature/x"),
        (("origin", "--delete", BRANCH), "deleted"),
        (("origin", "HEAD:refs/heads/feature/x", "HEAD:refs/heads/other"), "git push origin HEAD:feature/x"),
    ],
)
def test_only_the_branch_can_be_pushed(pod: Pod, delivered: str, arguments: tuple[str, ...], words: str) -> None:
    commit(pod)
    code, said = Terminal(pod, *arguments).ends()
    assert code == 1
    assert words in said
    assert not (pod.shared / "push.json").exists(), "nobody is asked"


def test_another_push_meanwhile_is_refused(pod: Pod, delivered: str) -> None:
    commit(pod)
    first, worker = Terminal(pod), Worker(pod)
    push = worker.is_asked()
    code, said = Terminal(pod).ends()
    assert code == 1
    assert "another push is under way" in said
    worker.answers(push, "Done.", "--done")
    assert first.ends()[0] == 0


def test_an_answer_to_somebody_else_is_none(pod: Pod, delivered: str) -> None:
    commit(pod)
    terminal, worker = Terminal(pod), Worker(pod)
    push = worker.is_asked()
    worker.answers({"id": "0" * 32}, "Not for you.", "--done")
    worker.answers(push, "For you.", "--done")
    assert "For you." in terminal.ends()[1]


def test_somebody_elses_origin_is_left_alone(pod: Pod, origin: Origin) -> None:
    git(pod.code, "init", "--quiet")
    git(pod.code, "remote", "add", "origin", "https://example.org/x.git")
    sha = origin.commit(FILES)
    assert pod.deliver(origin.pack(sha), rollout=1, sha=sha, branch=BRANCH).exit_code == 0
    assert git(pod.code, "remote", "get-url", "--all", "origin") == "https://example.org/x.git"


def test_a_volume_from_before_gets_its_origin_once(pod: Pod, delivered: str, origin: Origin) -> None:
    git(pod.code, "remote", "remove", "origin")
    for rollout in (2, 3):
        assert pod.deliver(rollout=rollout, sha=delivered, branch=BRANCH).exit_code == 0
    assert git(pod.code, "remote", "get-url", "--all", "origin") == str(pod.shared / "origin.git")


def test_a_pod_that_starts_anew_knows_what_was_delivered(pod: Pod, origin: Origin, delivered: str) -> None:
    network = serving(pod, CATALYST_GATE_PORT="10090", CATALYST_HEALTH_PORT="10081")
    eventually(lambda: is_started(network), "/started")
    assert (pod.shared / "origin.git" / "refs" / "heads" / BRANCH).read_text().strip() == delivered
    assert "up-to-date" in Terminal(pod).ends()[1]


# --- what is sent ------------------------------------------------------------------------------------------------


def test_more_than_the_most_is_not_sent(pod: Pod, delivered: str) -> None:
    (pod.code / "a.txt").write_bytes(os.urandom(200_000))
    git(pod.code, "commit", "--all", "--quiet", "--message=big")
    header, pack = sent(pod, "--most=100000")
    assert (header["ok"], pack) == (False, b"")
    assert "larger" in header["message"]
    assert sent(pod, "--most=300000")[0]["commits"] == 1


def test_a_tip_that_is_not_there_is_said(pod: Pod, delivered: str) -> None:
    assert sent(pod, f"--tip={'f' * 40}")[0]["error"] == "missing"
    assert sent(pod, "--tip=HEAD")[0]["error"] == "invalid"


def test_what_an_older_commit_had_is_sent_again(pod: Pod, origin: Origin, delivered: str) -> None:
    """Who gets the pack has the files of what was delivered last, and no commit before it."""
    second = origin.commit({"a.txt": "another\n"})
    assert pod.deliver(origin.pack(second, delivered), rollout=2, sha=second, branch=BRANCH).exit_code == 0
    (pod.code / "a.txt").write_text(FILES["a.txt"])
    git(pod.code, "commit", "--all", "--quiet", "--message=as it was")
    header, pack = sent(pod)
    shallow = Origin(origin.folder.with_name("shallow"))
    shallow.git("fetch", "--quiet", "--depth=1", str(origin.folder), second)
    take_back(shallow, pack)
    assert shallow.git("show", f"{header['sha']}:a.txt") == FILES["a.txt"].strip()


# --- who lives in the pod is a stranger --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wish",
    [
        "[]",
        "{",
        '{"id": 3, "sha": 4}',
        json.dumps({"id": "../../x", "sha": "a" * 40}),
        json.dumps({"id": "0" * 32, "sha": "--upload-pack=x"}),
        "x" * (2 << 20),
    ],
)
def test_a_wish_that_makes_no_sense_is_not_told(pod: Pod, wish: str) -> None:
    worker = Worker(pod)
    (pod.shared / "push.json").write_text(wish)
    sensible = {"id": "1" * 32, "sha": "a" * 40}
    subprocess.run(["sleep", "0.6"], check=True)
    partial = pod.shared / "partial"
    partial.write_text(json.dumps(sensible))
    partial.rename(pod.shared / "push.json")
    assert worker.is_asked() == sensible, "the first that is told"


def test_links_lead_nowhere(pod: Pod, delivered: str, tmp_path: Path) -> None:
    """The sidecar lays its origin anew, and tells it of deliveries, without following what somebody put there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (pod.shared / "origin.git").rename(tmp_path / "was")
    (pod.shared / "origin.git").symlink_to(outside)
    pod.deliver(rollout=2, sha=delivered, branch=BRANCH)
    serving(pod, CATALYST_GATE_PORT="10090", CATALYST_HEALTH_PORT="10081")
    assert list(outside.iterdir()) == []
    assert (pod.shared / "origin.git" / "HEAD").read_text().startswith("ref:")
