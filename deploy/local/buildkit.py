"""BuildKit's daemon and client, compiled in their own module: `go install` refuses its exclude lines."""

import json
import os
import subprocess
from pathlib import Path

from deploy.local.cache import Artifact

MODULE = "github.com/moby/buildkit"
VERSION = "v0.34.2"
PROGRAMS = ("buildkitd", "buildctl")
LINK_FLAGS = f"-s -w -X {MODULE}/version.Version={VERSION}"


def artifact() -> Artifact:
    """`buildkitd` and `buildctl` in one folder."""
    return Artifact("buildkit", (MODULE, VERSION, LINK_FLAGS, *PROGRAMS), usual_seconds=90, build=_compile)


def _compile(folder: Path) -> None:
    download = ["go", "mod", "download", "-json", f"{MODULE}@{VERSION}"]
    # Outside any module, so that Go checks the download against its checksum database and no go.mod of ours.
    answer = subprocess.run(download, cwd=folder, check=True, stdout=subprocess.PIPE)
    packages = [f"./cmd/{program}" for program in PROGRAMS]
    command = ["go", "build", "-trimpath", "-mod=readonly", "-ldflags", LINK_FLAGS, "-o", f"{folder}/", *packages]
    subprocess.run(command, cwd=json.loads(answer.stdout)["Dir"], env=os.environ | {"CGO_ENABLED": "0"}, check=True)
