"""Black-box tests of the agent: the built program, real git, real processes and sockets; root, for namespaces."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import agent, toolchain
from deploy.local.cache import ensure
from deploy.local.errors import SetupError
from tests.agent.origin import Origin
from tests.agent.pod import Pod


@pytest.fixture(scope="session")
def binary() -> Path:
    """As the local platform builds it; what is missing for that fails the test."""
    try:
        toolchain.provide()
        return ensure(agent.artifact()) / "agent"
    except (SetupError, subprocess.CalledProcessError, OSError) as error:
        pytest.fail(f"The agent can't be built: {error}")


@pytest.fixture
def pod(binary: Path, tmp_path: Path) -> Iterator[Pod]:
    made = Pod(binary, tmp_path / "pod")
    yield made
    made.end()


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "origin")
