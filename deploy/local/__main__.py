"""`python -m deploy.local build`: build what the tests need of the local platform, once, into the cache."""

import shutil
import subprocess
import sys

from deploy.local import buildkit, debian, kubernetes
from deploy.local.cache import ensure

NEEDED = {
    "go": "the Go toolchain (https://go.dev/dl)",
    "apt-get": "Debian's package tools",
    "openssl": "the package openssl",
}


def main(arguments: list[str]) -> str | None:
    """None when all went well, else the sentence that says what is wrong."""
    if arguments != ["build"]:
        return "usage: python -m deploy.local build"
    missing = [what for program, what in NEEDED.items() if shutil.which(program) is None]
    if missing:
        return f"Can't build the local platform's programs: {' and '.join(missing)} missing. Install it and run this again."
    try:
        for artifact in (*debian.artifacts(), kubernetes.artifact(), buildkit.artifact()):
            ensure(artifact)
    except (subprocess.CalledProcessError, OSError) as error:
        return f"Building failed: {error}. Check that the package registries can be reached and run this again."
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
