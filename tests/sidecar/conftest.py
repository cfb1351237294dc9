"""Black-box tests of the sidecar: the built program, real git, real processes and sockets; root, for namespaces."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import sidecar, toolchain
from deploy.local.cache import ensure
from deploy.local.errors import SetupError
from tests.sidecar.origin import Origin
from tests.sidecar.pod import Pod


@pytest.fixture(scope="session")
def binary() -> Path:
    return built_sidecar()


def built_sidecar() -> Path:
    """As the local platform builds it; what is missing for that fails the test."""
    try:
        toolchain.provide()
        return ensure(sidecar.artifact()) / "sidecar"
    except (SetupError, subprocess.CalledProcessError, OSError) as error:
        pytest.fail(f"The sidecar can't be built: {error}")


@pytest.fixture
def pod(binary: Path, tmp_path: Path) -> Iterator[Pod]:
    made = Pod(binary, tmp_path / "pod")
    yield made
    made.end()


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "origin")
