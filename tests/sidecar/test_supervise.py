"""The supervisor: installs, runs, restarts, and never ends by itself."""

import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.sidecar.pod import Pod, eventually

FOREVER = "exec sleep 3600"
AS_PID_1 = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL")


@pytest.fixture
def supervised(pod: Pod) -> Pod:
    pod.start("supervise")
    return pod


def noting(pod: Pod, text: str = "$$", then: str = FOREVER) -> str:
    """A command that writes a line into `runs` each time it starts."""
    return f"echo {text} >> {pod.folder}/runs; {then}"


def runs(pod: Pod) -> list[str]:
    path = pod.folder / "runs"
    return path.read_text().split() if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def group_members(leader: int) -> list[int]:
    """Of the session that the leader began, which is a group of its own."""
    return [pid for pid, each in processes() if each.session == leader]


class Process(NamedTuple):
    """Of /proc/<pid>/stat: a minimal Debian has no `ps`."""

    state: str
    parent: int
    session: int


def processes() -> Iterator[tuple[int, Process]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            state, parent, _, session = path.read_text().rpartition(")")[2].split()[:4]
            yield int(path.parent.name), Process(state, int(parent), int(session))


# --- phases ------------------------------------------------------------------------------------------------------


def test_it_waits_for_the_first_delivery(supervised: Pod) -> None:
    state = supervised.becomes(phase="Waiting", rollout=0, sha="")
    assert (state["runs"], state["tail"], state["exit_code"]) == (0, [], None)


def test_a_command_runs_in_its_folder_with_its_variables(supervised: Pod) -> None:
    (supervised.code / "web").mkdir()
    supervised.want(
        rollout=7, sha="a" * 40, command='echo "$PWD $GREETING"; sleep 3600', workdir="web", env={"GREETING": "hi"}
    )
    state = supervised.becomes(phase="Running", rollout=7, sha="a" * 40, runs=1)
    assert (state["exit_code"], state["signal"], state["ended_at"]) == (None, "", "")
    eventually(lambda: f"{supervised.code}/web hi\n" in supervised.output, "the command's output")


def test_a_variable_of_the_container_gives_way_to_a_wanted_one(pod: Pod) -> None:
    pod.start("supervise", GREETING="container's")
    pod.want(command="env | grep GREETING; sleep 3600", env={"GREETING": "wanted"})
    eventually(lambda: "GREETING=" in pod.output, "the command's output")
    assert "container's" not in pod.output


def test_without_a_command_it_is_idle(supervised: Pod) -> None:
    supervised.want(rollout=1, command=noting(supervised))
    eventually(lambda: runs(supervised), "a first run")
    supervised.want(rollout=2, command=None)
    supervised.becomes(phase="Idle", rollout=2)
    assert not is_alive(int(runs(supervised)[0]))


def test_a_failing_command_is_told_with_its_last_words(supervised: Pod) -> None:
    began = time.monotonic()
    supervised.want(rollout=3, command="for n in $(seq 60); do echo line $n; done; echo Missing script >&2; exit 3")
    state = supervised.becomes(phase="Failed", rollout=3)
    # The requirement is 3 s on a machine with nothing else to do (FR-ENV-010); this one may be busy.
    assert time.monotonic() - began < 10
    assert (state["exit_code"], state["signal"], state["is_out_of_memory"]) == (3, "", False)
    assert state["tail"] == [f"line {number}" for number in range(22, 61)] + ["Missing script"]
    assert state["started_at"] < state["ended_at"]


def test_the_last_words_are_bounded_and_can_be_read(supervised: Pod) -> None:
    supervised.want(command=r"printf 'a\377b\r\n'; head -c 100000 /dev/zero | tr '\0' x; printf '\nno end'; exit 1")
    state = supervised.becomes(phase="Failed")
    assert state["tail"] == ["a?b", "x" * 500, "no end"]


def test_a_command_that_ends_well_has_failed_too(supervised: Pod) -> None:
    """A development server doesn't end by itself."""
    supervised.want(command="echo done")
    state = supervised.becomes(phase="Failed")
    assert (state["exit_code"], state["tail"]) == (0, ["done"])


def test_it_runs_nothing_again_by_itself_but_for_the_next_delivery(supervised: Pod) -> None:
    supervised.want(rollout=1, command=noting(supervised, then="exit 1"))
    supervised.becomes(phase="Failed", rollout=1)
    supervised.want(rollout=2, command=noting(supervised, then="exit 1"))
    state = supervised.becomes(phase="Failed", rollout=2)
    assert (state["runs"], len(runs(supervised))) == (2, 2)


@pytest.mark.parametrize("command", ["kill -TERM $$", "kill -SEGV $$"])
def test_a_signal_is_named(supervised: Pod, command: str) -> None:
    supervised.want(command=command)
    state = supervised.becomes(phase="Failed", exit_code=None, is_out_of_memory=False)
    assert state["signal"] == command.split()[1].removeprefix("-")


def test_a_kill_that_nobody_sent_is_taken_for_want_of_memory(supervised: Pod) -> None:
    supervised.want(command="kill -KILL $$")
    supervised.becomes(phase="Failed", signal="KILL", is_out_of_memory=True)


def test_a_child_that_the_kernel_killed_for_memory_is_found(pod: Pod, memory_group: Path) -> None:
    pod.start("supervise", before=("sh", "-c", f'echo $$ > {memory_group}/cgroup.procs && exec "$@"', "sh"))
    eat = "x = b'x' * (1 << 30)"
    pod.want(command=f"{shlex.quote(sys.executable)} -c {shlex.quote(eat)}; exit 1")
    pod.becomes(phase="Failed", exit_code=1, is_out_of_memory=True)


@pytest.fixture
def memory_group() -> Any:
    """A cgroup with 100 MiB, of either version."""
    root = Path("/sys/fs/cgroup/memory") if Path("/sys/fs/cgroup/memory").is_dir() else Path("/sys/fs/cgroup")
    group = root / f"catalyst-sidecar-test-{os.getpid()}"
    group.mkdir()
    limit = "memory.limit_in_bytes" if root.name == "memory" else "memory.max"
    (group / limit).write_text(str(100 << 20))
    yield group
    members = group / "cgroup.procs"
    for pid in members.read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    eventually(lambda: not members.read_text().split(), "an empty cgroup")
    group.rmdir()


def test_a_folder_that_is_not_in_the_commit_is_told(supervised: Pod) -> None:
    supervised.want(command=FOREVER, workdir="nowhere")
    state = supervised.becomes(phase="Failed", exit_code=None)
    assert "nowhere" in state["tail"][0]


def test_nonsense_in_what_is_wanted_stops_nothing(supervised: Pod) -> None:
    supervised.wanted.parent.mkdir(parents=True, exist_ok=True)
    supervised.wanted.write_text("{nonsense")
    eventually(lambda: "wanted.json" in supervised.output, "a complaint")
    supervised.want(rollout=2, command=FOREVER)
    supervised.becomes(phase="Running", rollout=2)


# --- restarts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "is_restarted"),
    [
        ({"sha": "2" * 40, "is_watching": True}, False),
        ({"sha": "2" * 40, "is_watching": False}, True),
        ({"sha": "2" * 40, "workdir": "web"}, True),
        ({"sha": "2" * 40, "env": {"A": "2"}}, True),
        ({"sha": "2" * 40, "port": 4000}, False),
        ({}, True),
    ],
    ids=str,
)
def test_a_running_command_is_restarted_when_it_would_miss_something(
    supervised: Pod, change: dict[str, Any], is_restarted: bool
) -> None:
    (supervised.code / "web").mkdir()
    wanted = {"command": noting(supervised), "is_watching": True, "env": {"A": "1"}}
    supervised.want(rollout=1, **wanted)
    (before,) = eventually(lambda: runs(supervised), "a first run")
    supervised.want(**(wanted | {"rollout": 2} | change))
    state = supervised.becomes(phase="Running", rollout=2)
    assert state["runs"] == (2 if is_restarted else 1)
    assert is_alive(int(before)) is not is_restarted
    assert state["sha"] == change.get("sha", "1" * 40)


def test_a_changed_command_replaces_the_former(supervised: Pod) -> None:
    supervised.want(rollout=1, command=noting(supervised))
    (before,) = eventually(lambda: runs(supervised), "a first run")
    supervised.want(rollout=2, command=noting(supervised) + " # changed")
    supervised.becomes(phase="Running", rollout=2, runs=2)
    assert not is_alive(int(before))


def test_a_container_that_starts_again_does_what_was_wanted(pod: Pod) -> None:
    pod.want(rollout=4, command=FOREVER)
    pod.start("supervise")
    pod.becomes(phase="Running", rollout=4)


# --- installation ------------------------------------------------------------------------------------------------


def install(pod: Pod, **more: Any) -> dict[str, Any]:
    wanted = {"install": "echo installing; echo x >> installs", "install_inputs": ["lock", "sub/lock"]}
    return wanted | {"command": FOREVER, "is_watching": True} | more


def installs(pod: Pod) -> int:
    path = pod.code / "installs"
    return len(path.read_text().split()) if path.exists() else 0


def change_lock(pod: Pod) -> None:
    (pod.code / "lock").write_text("2")


def remove_lock(pod: Pod) -> None:
    (pod.code / "lock").unlink()


def add_empty_lock(pod: Pod) -> None:
    (pod.code / "sub").mkdir()
    (pod.code / "sub" / "lock").write_text("")


def change_source(pod: Pod) -> None:
    (pod.code / "source").write_text("changed")


@pytest.mark.parametrize(
    ("change", "more", "is_due"),
    [
        (change_lock, {}, True),
        (remove_lock, {}, True),
        (add_empty_lock, {}, True),
        (change_source, {}, False),
        (change_source, {"install": "echo another; echo x >> installs"}, True),
        (change_source, {"install": None}, False),
    ],
)
def test_dependencies_are_installed_when_their_inputs_change(
    supervised: Pod, change: Callable[[Pod], None], more: dict[str, Any], is_due: bool
) -> None:
    (supervised.code / "lock").write_text("1")
    supervised.want(rollout=1, **install(supervised))
    supervised.becomes(phase="Running", rollout=1, install_rollout=1)
    assert installs(supervised) == 1
    change(supervised)
    supervised.want(rollout=2, sha="2" * 40, **install(supervised, **more))
    state = supervised.becomes(phase="Running", rollout=2)
    assert (installs(supervised), state["runs"]) == ((2, 2) if is_due else (1, 1))
    assert state["install_rollout"] == (2 if is_due else 1)


def test_what_was_installed_is_known_to_the_next_pod(pod: Pod) -> None:
    first = pod.start("supervise")
    pod.want(rollout=1, **install(pod))
    pod.becomes(phase="Running", rollout=1)
    first.terminate()
    first.wait()
    pod.start("supervise")
    pod.want(rollout=2, **install(pod))
    pod.becomes(phase="Running", rollout=2)
    assert installs(pod) == 1


def test_a_failing_installation_is_told_and_the_command_not_started(supervised: Pod) -> None:
    supervised.want(rollout=1, install="echo no such package; exit 4", command=noting(supervised))
    state = supervised.becomes(phase="InstallFailed", exit_code=4)
    assert (state["tail"], state["runs"], runs(supervised)) == (["no such package"], 0, [])
    supervised.want(rollout=2, install="true", command=noting(supervised))
    supervised.becomes(phase="Running", rollout=2, runs=1)


def test_an_installation_that_failed_is_done_again(supervised: Pod) -> None:
    supervised.want(rollout=1, install="echo x >> installs; exit 1", command=FOREVER)
    supervised.becomes(phase="InstallFailed", rollout=1)
    supervised.want(rollout=2, install="echo x >> installs; exit 1", command=FOREVER)
    supervised.becomes(phase="InstallFailed", rollout=2)
    assert installs(supervised) == 2


def test_a_newer_delivery_interrupts_an_installation(supervised: Pod) -> None:
    supervised.want(rollout=1, install=noting(supervised, then="sleep 3600; echo x >> installs"), command=FOREVER)
    (before,) = eventually(lambda: runs(supervised), "the installation")
    supervised.becomes(phase="Installing", rollout=1)
    supervised.want(rollout=2, install="echo x >> installs", command=FOREVER)
    supervised.becomes(phase="Running", rollout=2)
    assert installs(supervised) == 1
    assert group_members(int(before)) == []


def test_an_interrupted_installation_is_done_again_even_for_the_same_inputs(supervised: Pod) -> None:
    supervised.want(rollout=1, install="echo x >> installs", command=FOREVER)
    supervised.becomes(phase="Running", rollout=1)
    supervised.want(rollout=2, install=noting(supervised, then="sleep 3600"), command=FOREVER)
    eventually(lambda: runs(supervised), "the other installation")
    supervised.want(rollout=3, install="echo x >> installs", command=FOREVER)
    supervised.becomes(phase="Running", rollout=3)
    assert installs(supervised) == 2


def test_an_installation_goes_on_when_its_delivery_is_repeated(supervised: Pod) -> None:
    wanted = {"install": noting(supervised, then=f"until [ -e {supervised.folder}/go ]; do sleep 0.05; done")}
    supervised.want(rollout=1, command=FOREVER, **wanted)
    eventually(lambda: runs(supervised), "the installation")
    supervised.want(rollout=1, command=FOREVER, **wanted)
    (supervised.folder / "go").touch()
    supervised.becomes(phase="Running", rollout=1)
    assert len(runs(supervised)) == 1


def test_the_log_of_an_installation_is_its_own_and_bounded(supervised: Pod) -> None:
    log = supervised.shared / "install.log"
    supervised.want(rollout=1, install="echo first", command=None)
    supervised.becomes(phase="Idle", rollout=1)
    assert log.read_text() == "first\n"
    supervised.want(rollout=2, install="yes | head -c 20000000; echo end", command=None)
    supervised.becomes(phase="Idle", rollout=2)
    eventually(lambda: "more than 10 MiB" in log.read_text(), "the line that says so")
    text = log.read_text()
    assert (text[:2], "first" in text, "end" in text) == ("y\n", False, False)
    assert len(text) < (10 << 20) + 200


# --- processes ---------------------------------------------------------------------------------------------------

STUBBORN = "trap '' TERM; (trap '' TERM; while :; do sleep 0.1; done) & while :; do sleep 0.1; done"


def test_all_of_the_group_is_ended_even_what_takes_no_hint(supervised: Pod) -> None:
    supervised.want(rollout=1, command=noting(supervised, then=STUBBORN))
    (leader,) = eventually(lambda: runs(supervised), "a first run")
    eventually(lambda: len(group_members(int(leader))) > 2, "its children")
    supervised.want(rollout=2, command=FOREVER)
    supervised.becomes(phase="Running", rollout=2)
    assert group_members(int(leader)) == []


def test_what_a_failed_command_leaves_behind_does_not_hold_its_port(supervised: Pod) -> None:
    supervised.want(command=noting(supervised, then="sleep 3600 & exit 1"))
    supervised.becomes(phase="Failed", exit_code=1)
    assert group_members(int(runs(supervised)[0])) == []


def test_output_that_somebody_else_holds_open_does_not_delay_the_end(supervised: Pod) -> None:
    supervised.want(command="echo words; setsid sleep 30 & exit 5")
    assert supervised.becomes(phase="Failed", exit_code=5)["tail"] == ["words"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_and_takes_the_command_along(pod: Pod, number: signal.Signals) -> None:
    process = pod.start("supervise")
    pod.want(command=noting(pod, then=STUBBORN))
    (leader,) = eventually(lambda: runs(pod), "a first run")
    process.send_signal(number)
    # 3 s is what is promised; the machine may be busy.
    assert process.wait(8) == 0
    assert group_members(int(leader)) == []


def test_it_ends_at_once_while_it_waits_for_a_stubborn_command(pod: Pod) -> None:
    process = pod.start("supervise")
    pod.want(rollout=1, command=noting(pod, then=STUBBORN))
    (leader,) = eventually(lambda: runs(pod), "a first run")
    pod.want(rollout=2, command=noting(pod))
    process.terminate()
    assert process.wait(8) == 0
    assert group_members(int(leader)) == []


def test_as_pid_1_it_reaps_orphans_and_never_ends(pod: Pod) -> None:
    process = pod.start("supervise", before=AS_PID_1)
    # Each subshell leaves a child of its own, which ends after it: an orphan of PID 1.
    orphan = f"sleep 0.1; echo ended >> {pod.folder}/runs"
    pod.want(rollout=1, command=f"for n in 1 2 3 4 5; do (setsid sh -c '{orphan}' &) ; done; exec sleep 3600")
    pod.becomes(phase="Running", rollout=1)
    eventually(lambda: len(runs(pod)) == 5, "five orphans that have ended")
    (inner,) = eventually(lambda: children_of(process.pid), "PID 1 of the namespace")
    eventually(lambda: states_below(inner) == ["S"], f"no zombies, one sleep: {states_below(inner)}")
    pod.want(rollout=2, command="exit 1")
    pod.becomes(phase="Failed", rollout=2)
    pod.want(rollout=3, command=None)
    pod.becomes(phase="Idle", rollout=3)
    assert process.poll() is None
    assert states_below(inner) == []
    process.kill()  # unshare itself takes no other signal


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def states_below(pid: int) -> list[str]:
    """Of the children of all its threads."""
    return [each.state for _, each in processes() if each.parent == pid]


def test_a_broken_standard_output_does_not_end_it(pod: Pod) -> None:
    process = pod.open("supervise")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    pod.want(rollout=1, command="echo into nothing; exit 1")
    pod.becomes(phase="Failed", rollout=1)
    pod.want(rollout=2, command=FOREVER)
    pod.becomes(phase="Running", rollout=2)
    assert process.poll() is None


def test_the_state_can_be_read_by_the_other_container(supervised: Pod) -> None:
    supervised.becomes(phase="Waiting")
    path = supervised.shared / "state.json"
    assert path.stat().st_mode & 0o777 == 0o666
    assert set(json.loads(path.read_text())) == {
        *("rollout", "sha", "phase", "exit_code", "signal", "is_out_of_memory", "runs", "started_at", "ended_at"),
        *("tail", "install_rollout"),
    }
