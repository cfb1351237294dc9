"""What the worker sees of a pod: `watch` and `state`."""

import json
import subprocess
import threading
from collections.abc import Iterator
from queue import Queue
from typing import Any

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.sidecar.network import serving
from tests.sidecar.origin import Origin
from tests.sidecar.pod import Pod

FOREVER = "exec sleep 3600"


class Watch:
    """Lines of `sidecar watch`, as they come."""

    def __init__(self, pod: Pod) -> None:
        self.process = pod.open("watch")
        self.seen: list[dict[str, Any]] = []
        self._lines: Queue[dict[str, Any]] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(json.loads(line))

    def until(self, **fields: Any) -> dict[str, Any]:
        """The next state that has these values."""
        while True:
            line = self.next()
            if fields.items() <= line.get("state", {}).items():
                return dict(line["state"])

    def next(self) -> dict[str, Any]:
        line = self._lines.get(timeout=PATIENCE_SECONDS)
        self.seen.append(line)
        return line

    @property
    def installed(self) -> str:
        return "".join(line.get("install", "") for line in self.seen)


@pytest.fixture
def watch(pod: Pod) -> Iterator[Watch]:
    pod.start("supervise")
    pod.becomes(phase="Waiting")
    yield Watch(pod)


def test_it_begins_with_how_it_is_and_goes_on_with_every_change(pod: Pod, watch: Watch) -> None:
    assert watch.next()["state"]["phase"] == "Waiting"
    pod.want(rollout=1, command=FOREVER)
    watch.until(phase="Running", rollout=1)
    pod.want(rollout=2, command="echo last words; exit 2")
    state = watch.until(phase="Failed", rollout=2)
    assert (state["tail"], state["exit_code"], state["delivered_sha"]) == (["last words"], 2, "")


def test_output_of_an_installation_comes_as_it_grows_and_before_what_it_leads_to(pod: Pod, watch: Watch) -> None:
    go = pod.folder / "go"
    pod.want(rollout=1, install=f"echo one; until [ -e {go} ]; do sleep 0.05; done; echo zwölf", command=FOREVER)
    watch.until(phase="Installing")
    while "one\n" not in watch.installed:
        watch.next()
    go.touch()
    watch.until(phase="Running")
    assert watch.installed == "one\nzwölf\n"


def test_whoever_comes_late_hears_of_the_installation_from_its_beginning(pod: Pod, watch: Watch) -> None:
    pod.want(rollout=1, install="echo one", command=FOREVER)
    watch.until(phase="Running")
    late = Watch(pod)
    late.until(phase="Running")
    assert late.installed == "one\n"


def test_output_of_an_earlier_rollouts_installation_is_not_this_ones(pod: Pod, watch: Watch) -> None:
    pod.want(rollout=1, install="echo one", command=FOREVER)
    watch.until(phase="Running", rollout=1)
    pod.want(rollout=2, install="echo one", command=FOREVER, is_watching=True)
    watch.until(phase="Running", rollout=2)
    late = Watch(pod)
    late.until(phase="Running", rollout=2)
    while late.next() != {"beat": True}:
        pass
    assert late.installed == ""


def test_a_second_installation_is_told_from_its_own_beginning(pod: Pod, watch: Watch) -> None:
    pod.want(rollout=1, install="echo first and long", command=FOREVER)
    watch.until(phase="Running", rollout=1)
    pod.want(rollout=2, install="echo second", command=FOREVER)
    watch.until(phase="Running", rollout=2)
    assert watch.installed == "first and long\nsecond\n"


def test_it_beats_while_nothing_happens(watch: Watch) -> None:
    while watch.next() != {"beat": True}:
        pass


def test_it_ends_when_nobody_reads_any_more(pod: Pod) -> None:
    process = pod.open("watch")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    assert process.wait(PATIENCE_SECONDS) != 0


def test_the_port_is_looked_up_at_that_moment(pod: Pod) -> None:
    network = serving(pod)
    with network.listen("127.0.0.1", 3000):
        inside = ("nsenter", f"--net=/proc/{network.pid}/ns/net", str(pod.binary), "state")
        said = subprocess.run(inside, env=pod.environment(), capture_output=True, check=True).stdout
        assert (json.loads(said)["port"], json.loads(said)["ports"]) == (3000, [3000])


def test_the_state_names_what_was_delivered(pod: Pod, origin: Origin) -> None:
    sha = origin.commit({"a.txt": "x"})
    pod.deliver(origin.pack(sha), rollout=6, sha=sha, branch="main")
    said = json.loads(pod.call("state"))
    assert (said["delivered_sha"], said["delivered_rollout"]) == (sha, 6)
    assert (said["phase"], said["rollout"], said["tail"]) == ("Waiting", 0, [])


def test_nonsense_of_the_application_is_no_state(pod: Pod) -> None:
    for nonsense in ("[]", '{"phase": 7}', "x" * (2 << 20)):
        (pod.shared / "state.json").write_text(nonsense)
        assert json.loads(pod.call("state"))["phase"] == "Waiting"
