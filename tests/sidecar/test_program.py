"""The program as such: its source, its list of commands, what it needs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.local.sidecar import MODULE


@pytest.mark.usefixtures("binary")  # brings the toolchain
@pytest.mark.parametrize("command", [["gofmt", "-l", "."], ["go", "vet", "./..."]], ids=" ".join)
def test_the_source_is_formatted_and_sound(command: list[str]) -> None:
    done = subprocess.run(command, cwd=MODULE, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_needs_nothing_of_the_image_it_runs_in(binary: Path, tmp_path: Path) -> None:
    shutil.copy(binary, tmp_path / "sidecar")
    said = subprocess.run(["chroot", tmp_path, "/sidecar", "help"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("sidecar COMMAND")


def test_help_lists_every_command(binary: Path) -> None:
    said = subprocess.run([binary, "help"], capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in said.splitlines() if line.startswith("  ")} == {
        *("serve", "supervise", "receive", "watch", "state", "send", "pushes", "answer"),
        *("pre-receive", "receive-pack", "upload-pack"),
    }


def test_an_unknown_command_is_told(binary: Path) -> None:
    done = subprocess.run([binary, "dance"], capture_output=True, text=True, check=False)
    assert (done.returncode, "sidecar help" in done.stderr) == (1, True)
