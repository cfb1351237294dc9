"""Images made from a Dockerfile here by a builder of their own, which ends with the build."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import buildkit, cgroups, debian
from deploy.local.cache import Artifact, ensure
from deploy.local.images import layout

FOLDER = Path(__file__).parent
START_SECONDS = 30


@dataclass(frozen=True)
class Recipe:
    name: str
    """Of the folder beside this file that holds the Dockerfile and what it copies."""
    bases: dict[str, Artifact]
    """What `FROM` names -> the layout of that image."""
    usual_seconds: int
    folders: dict[str, tuple[Artifact, str]] = field(default_factory=dict)
    """What `COPY --from` names -> an artifact and the folder inside it."""
    arguments: dict[str, str] = field(default_factory=dict)
    """The Dockerfile's `ARG`s."""


def image(recipe: Recipe) -> Artifact:
    """The layout of the image."""
    files = sorted(file for file in (FOLDER / recipe.name).rglob("*") if file.is_file())
    needed = [*recipe.bases.values(), *(artifact for artifact, _ in recipe.folders.values())]
    inputs: tuple[str | Path, ...] = (*(artifact.folder.name for artifact in needed), repr(recipe.arguments), *files)
    return Artifact(f"image-{recipe.name}", inputs, recipe.usual_seconds, lambda folder: _build(recipe, folder))


def _build(recipe: Recipe, folder: Path) -> None:
    command = ["--frontend=dockerfile.v0", f"--output=type=oci,tar=false,dest={folder}"]
    command += [f"--local={kind}={FOLDER / recipe.name}" for kind in ("context", "dockerfile")]
    command += [f"--opt=build-arg:{name}={value}" for name, value in recipe.arguments.items()]
    for number, (name, base) in enumerate(recipe.bases.items()):
        files = ensure(base)
        command += [f"--oci-layout=base{number}={files}"]
        command += [f"--opt=context:{name}=oci-layout:base{number}@{layout.digest(files)}"]
    for name, (artifact, inside) in recipe.folders.items():
        command += [f"--local={name}={ensure(artifact) / inside}", f"--opt=context:{name}=local:{name}"]
    with _builder(folder.parent) as buildctl:
        done = subprocess.run(
            [*buildctl, "build", "--progress=plain", *command], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise OSError(f"the image of {FOLDER / recipe.name}/Dockerfile wasn't built: {done.stderr[-1500:]}")


@contextmanager
def _builder(parent: Path) -> Iterator[list[str]]:
    """A daemon in a folder of its own under `parent`; the client's command so far."""
    programs = ensure(buildkit.artifact())
    cgroups.make()  # steps lie below it, so that `down` removes what the daemon leaves
    # The daemon looks for runc by name.
    environment = os.environ | {"PATH": f"{ensure(debian.holder('runc'))}{os.pathsep}{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory(prefix="builder-", dir=parent) as place:
        address = f"unix://{place}/buildkitd.sock"
        configuration = Path(place, "buildkitd.toml")
        # These Dockerfiles are our own, so their steps may have the host's network.
        configuration.write_text(
            f'root = "{place}/root"\n[grpc]\naddress = ["{address}"]\n[worker.containerd]\nenabled = false\n'
            f'[worker.oci]\nnetworkMode = "host"\ndefaultCgroupParent = "/{cgroups.NAME}/images"\n'
        )
        log = Path(place, "log")
        with log.open("wb") as output:
            command = [str(programs / "buildkitd"), f"--config={configuration}"]
            daemon = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            client = [str(programs / "buildctl"), f"--addr={address}"]
            _wait(client, daemon, log)
            yield client
        finally:
            daemon.terminate()
            daemon.wait(START_SECONDS)


def _wait(client: list[str], daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run([*client, "debug", "workers"], capture_output=True, check=False).returncode:
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise OSError(f"buildkitd doesn't start: {log.read_text()[-500:]}")
        time.sleep(0.1)
