"""Others' test data, which stays out of the repository: the folder in CATALYST_CORPORA, or nothing for a newcomer."""

import os
from pathlib import Path

import pytest


def corpus(name: str) -> Path:
    """Folder of one corpus; skips with one line when CATALYST_CORPORA is unset, fails when it is set and the folder is missing."""
    root = os.environ.get("CATALYST_CORPORA")
    if not root:
        pytest.skip("CATALYST_CORPORA is not set: tests on others' data are left out")
    folder = Path(root) / name
    assert folder.is_dir(), f"{folder} is missing: CATALYST_CORPORA must hold the corpora"
    return folder
