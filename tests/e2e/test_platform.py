"""The local platform as a guest on somebody's machine: what it shows to others there."""

import os
import re
import subprocess
from pathlib import Path

from deploy.local import running
from deploy.local.profile import PLATFORM_ADDRESS
from tests.e2e.world import Platform

PRIVATE = ("supervisord.conf", "secrets/*", "kubeconfigs/*", "temporal.db", "catalyst.db")


def test_nothing_listens_on_all_addresses(platform: Platform) -> None:
    shown = subprocess.run(["ss", "-Hltnp"], check=True, capture_output=True, text=True).stdout
    ours = _processes()
    listening = {
        line.split()[3] for line in shown.splitlines() if ours & {int(pid) for pid in re.findall(r"pid=(\d+)", line)}
    }
    assert f"{PLATFORM_ADDRESS}:6443" in listening
    assert {address.rpartition(":")[0] for address in listening} == {"127.0.0.1", PLATFORM_ADDRESS}


def test_secrets_lie_in_files_that_only_root_reads(platform: Platform) -> None:
    state = Path(platform.local["state"])
    files = [file for pattern in PRIVATE for file in state.glob(pattern)]
    assert len(files) > len(PRIVATE)
    assert [str(file) for file in files if file.stat().st_mode & 0o077] == []


def test_no_secret_is_on_a_command_line(platform: Platform) -> None:
    secrets = [value for key, value in platform.local.items() if key.endswith(("_token", "_secret", "_password"))]
    lines = [_command_line(pid) for pid in _processes()]
    assert len(secrets) == 4
    assert len(lines) > 10
    assert [line for line in lines for secret in secrets if secret in line] == []


def _processes() -> set[int]:
    """Of the platform, pods included: all in the PID namespace whose first process the recorded one started."""
    record = running.read()
    assert record is not None
    namespace = os.readlink(f"/proc/{record.pid}/ns/pid_for_children")
    pids = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    return {pid for pid in pids if _namespace(pid) == namespace}


def _namespace(pid: int) -> str:
    """Empty for a process that has ended."""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""
