"""Issue 4, "What a newcomer does": up, down, purge, kill -9, restart, another checkout. In this order: each goes on where the former ended."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local import builder, cgroups, network, running
from tests.lifecycle import host
from tests.missing import missing

HERE = Path(__file__).parents[2]
UP_SECONDS = 300
"""A hang, not a figure: the figure is in `make bench`'s and the demo's output."""


@dataclass(frozen=True)
class Checkout:
    """One place to call `deploy.local` from."""

    folder: Path
    state: Path
    """The folder of all profiles' states."""

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy.local", *words]
        given = os.environ | {"CATALYST_STATE": str(self.state)} | environment
        return subprocess.run(
            command, cwd=self.folder, env=given, capture_output=True, text=True, timeout=UP_SECONDS, check=False
        )

    def does(self, *words: str, **environment: str) -> str:
        done = self.run(*words, **environment)
        assert done.returncode == 0, f"{words} failed: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def local(self) -> Mapping[str, Any] | None:
        """What `up` left for tools; None when no platform of this checkout runs."""
        file = self.folder / ".catalyst" / "local.json"
        return json.loads(file.read_text()) if file.exists() else None


@pytest.fixture(scope="module")
def here() -> Checkout:
    record = running.read()
    if record is not None and record.is_alive:
        return Checkout(HERE, Path(record.state).parent)
    missing("No platform runs: start it with `make up`")


@pytest.fixture(scope="module")
def other(here: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """Another checkout on this machine, as a fresh clone has it after `make check`."""
    folder = tmp_path_factory.mktemp("checkouts") / "other"
    subprocess.run(["git", "clone", "--quiet", str(HERE), str(folder)], check=True)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    yield Checkout(folder, here.state)
    shutil.rmtree(folder)


def test_up_on_a_running_platform_keeps_it(here: Checkout) -> None:
    before = _record()
    here.does("up", "--profile", before.profile)
    assert _record() == before
    _is_healthy(here)


def test_up_after_everything_was_killed(here: Checkout) -> None:
    before = _record()
    assert host.kill_all(before.pid) > len(("supervisord", "etcd", "kubelet", "worker"))
    assert not before.is_alive
    assert host.interfaces(), "what a kill leaves behind is the point of this test"
    here.does("up", "--profile", before.profile)
    assert _record().pid != before.pid
    _is_healthy(here)


def test_another_checkout_takes_the_running_platform_over(here: Checkout, other: Checkout) -> None:
    before, token = _record(), (here.local or {})["api_token"]
    other.does("up", "--profile", before.profile)
    assert (_record().checkout, _record().state) == (str(other.folder), before.state)
    assert not before.is_alive
    assert here.local is None, "tools of the former checkout would ask somebody else's platform"
    assert (other.local or {})["api_token"] == token, "the state is the same"
    _is_healthy(other)


def test_up_after_the_machine_was_restarted(other: Checkout) -> None:
    """A restart leaves the disk as it was in that moment, and nothing else."""
    before = _record()
    host.kill_all(before.pid)
    network.close_network(before.kernel_settings)
    builder.close_network()
    cgroups.remove()
    shutil.rmtree(running.RECORD.parent)
    other.does("up", "--profile", before.profile)
    _is_healthy(other)


def test_down_leaves_nothing_but_its_state(other: Checkout) -> None:
    before = _record()
    other.does("down")
    assert host.left(Path(before.state)) == {}
    assert not before.is_alive
    assert other.local is None
    assert Path(before.state, "catalyst.db").exists()
    for name, value in before.kernel_settings.items():
        assert Path("/proc/sys", name).read_text().strip() == value
    said = other.run("status")
    assert (said.returncode, "start one with `make up`" in said.stderr) == (1, True)


def test_a_taken_port_is_a_sentence(other: Checkout) -> None:
    with socket.create_server(("127.0.0.1", 3700)):
        done = other.run("up", "--profile", "test")
    assert done.returncode == 1
    assert "Port 3700 on 127.0.0.1 is taken by" in done.stderr
    assert "Traceback" not in done.stderr
    assert host.interfaces() == []


def test_purge_removes_state_and_cache(other: Checkout, tmp_path: Path) -> None:
    state, cache = tmp_path / "state", tmp_path / "cache"
    (state / "demo" / "registry").mkdir(parents=True)
    (cache / "artifacts").mkdir(parents=True)
    other.does("purge", CATALYST_STATE=str(state), CATALYST_CACHE=str(cache))
    assert [each for each in (state, cache, other.folder / ".catalyst", running.RECORD.parent) if each.exists()] == []


def _record() -> running.Running:
    record = running.read()
    assert record is not None
    return record


def _is_healthy(checkout: Checkout) -> None:
    said = checkout.does("status")
    assert "pods: all ready" in said, said
    states = [line.split()[1] for line in said.split("\n\n")[0].splitlines()[1:]]
    assert set(states) == {"RUNNING"}, said
    assert checkout.local is not None
    ready = httpx.get(f"{checkout.local['api_url']}/readyz", timeout=10, trust_env=False)
    assert ready.status_code == 200, ready.text
