"""The platform as the end-to-end tests have it; everything here breaks something on purpose and runs alone."""

import os

import pytest

from tests.e2e.conftest import platform_alone  # noqa: F401 - a fixture
from tests.e2e.world import Platform


@pytest.fixture
def outage_seconds() -> float:
    """Issue 5: two minutes. Shorter by CATALYST_OUTAGE_SECONDS, to try a test."""
    return float(os.environ.get("CATALYST_OUTAGE_SECONDS", "120"))


@pytest.fixture
def chaos(platform_alone: Platform) -> Platform:  # noqa: F811
    return platform_alone
