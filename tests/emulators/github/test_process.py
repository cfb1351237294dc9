"""The emulator as a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[3]


def test_it_says_where_it_is_and_ends_when_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "emulators.github", "--root", str(tmp_path / "github"), "--user", "ada"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        headers = {"Authorization": f"Bearer {told['token']}"}
        made = httpx.post(f"{told['api_url']}/user/repos", json={"name": "shop"}, headers=headers)
        process.terminate()
        assert process.wait(30) == 0
    assert (made.status_code, made.json()["full_name"]) == (201, "ada/shop")
    assert [path.name for path in (tmp_path / "github").iterdir()] == [f"{made.json()['id']}.git"]
