"""Other programs, run to their end."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.local.errors import SetupError

TAIL = 600
"""Characters of a failed program's own words that go into the sentence."""


def run(
    *command: str | Path, given: str | None = None, environment: Mapping[str, str] | None = None, check: bool = True
) -> str:
    """Standard output of the command; `given` goes to its standard input, `environment` adds to ours.

    With check=False a failure answers what was printed so far.
    Raises SetupError when the program is missing or (check) fails.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, input=given, text=True, capture_output=True, env=os.environ | (environment or {}), check=False
        )
    except FileNotFoundError as error:
        raise SetupError(f"The program {words[0]} is missing; install it and run this again.") from error
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip()[-TAIL:]
        raise SetupError(f"`{' '.join(words)[:200]}` failed with {done.returncode}: {said}")
    return done.stdout
