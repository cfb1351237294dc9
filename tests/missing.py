"""What happens to a test when something that it needs isn't there."""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip with that sentence; with CATALYST_REQUIRE_PLATFORM=1 fail."""
    if os.environ.get("CATALYST_REQUIRE_PLATFORM") == "1":
        pytest.fail(what)
    pytest.skip(what)
