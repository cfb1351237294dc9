"""BuildKit by its own client program: activities.protocols.Builder."""

import asyncio
import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from activities.protocols import BuildFailed, BuildRequest, LogWriter
from gateways.builder.errors import BuilderUnavailable, error_from
from gateways.builder.policy import source_policy
from gateways.processes import run

CACHE_OWNER = "BUILDKIT_CACHE_MOUNT_NS"
"""Without it, `RUN --mount=type=cache` of every build of that name is one folder, and one team's build writes another's."""
BUILT_IN = "--opt=cmdline=built-in"
"""Set at all, no `# syntax=` is followed: the image that it names would decide what the build is, with whose cache mounts."""
KEPT_BYTES = 64 * 1024
"""Of the output's end, where the reason of a failure stands."""
REPOSITORY = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class BuildKitBuilder:
    """Implements Builder."""

    buildctl: str
    """Path of the program."""
    address: str
    """Of the daemon, as buildctl takes it: `unix:///run/…/buildkitd.sock`, `tcp://…`."""
    registry: str
    """Host (and port) that images are pushed to and named by: `localhost:5000`."""

    async def build(self, request: BuildRequest, output: LogWriter) -> str:
        """Raises BuildFailed, or BuilderUnavailable when the daemon or the registry doesn't answer."""
        name = f"{self.registry}/{request.repository}"
        if not REPOSITORY.fullmatch(request.repository) or not TAG.fullmatch(request.tag):
            raise BuildFailed(f"{name}:{request.tag} is no name for an image")
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="catalyst-build-"))
        try:
            dockerfile = await asyncio.to_thread(_dockerfile, request, folder)
            metadata = folder / "metadata.json"
            own = await asyncio.to_thread(_options, request, folder)
            command = self._command(request, dockerfile, f"{name}:{request.tag}", metadata)
            await self._run([*command, *own], request, output)
            return f"{name}@{await asyncio.to_thread(_digest, metadata)}"
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    def _command(self, request: BuildRequest, dockerfile: Path, name: str, metadata: Path) -> list[str]:
        return [
            self.buildctl,
            f"--addr={self.address}",
            "build",
            "--progress=plain",
            "--frontend=dockerfile.v0",
            BUILT_IN,
            f"--local=context={request.context}",
            f"--local=dockerfile={dockerfile.parent}",
            f"--opt=filename={dockerfile.name}",
            f"--output=type=image,push=true,name={name}",
            f"--metadata-file={metadata}",
        ]

    async def _run(self, command: list[str], request: BuildRequest, output: LogWriter) -> None:
        end = bytearray()

        def keep(chunk: bytes) -> None:
            output.write(chunk)
            end.extend(chunk)
            del end[:-KEPT_BYTES]

        try:
            async with asyncio.timeout(request.timeout.total_seconds()):
                code = await run(command, output=keep)
        except TimeoutError as error:
            minutes = request.timeout.total_seconds() / 60
            raise BuildFailed(f"The build took longer than its limit of {minutes:g} minutes") from error
        except FileNotFoundError as error:
            raise BuilderUnavailable(f"The program {self.buildctl} isn't there; is the setting right?") from error
        if code:
            raise error_from(end.decode(errors="replace"))


def _options(request: BuildRequest, folder: Path) -> list[str]:
    """Build arguments, and the policy for what the builder fetches itself, written into `folder`."""
    arguments = {**request.arguments, CACHE_OWNER: request.cache}
    options = [f"--opt=build-arg:{name}={value}" for name, value in sorted(arguments.items())]
    if request.hosts is not None:
        policy = folder / "policy.json"
        policy.write_text(json.dumps(source_policy(request.hosts)))
        options.append(f"--source-policy-file={policy}")
    return options


def _dockerfile(request: BuildRequest, folder: Path) -> Path:
    """The Dockerfile to build by: ours written into `folder`, or the one in the context. Raises BuildFailed without one."""
    if request.dockerfile_text is not None:
        ours = folder / "Dockerfile"
        ours.write_text(request.dockerfile_text)
        return ours
    context = request.context.resolve()
    found = context / request.dockerfile
    # Through the real path: neither `..` nor a link may show the builder another folder of this machine.
    if not found.resolve().is_relative_to(context) or not found.is_file():
        raise BuildFailed(f"There is no {request.dockerfile} in the repository")
    return found.resolve()


def _digest(metadata: Path) -> str:
    try:
        return str(json.loads(metadata.read_text())["containerimage.digest"])
    except (OSError, ValueError, KeyError) as error:
        raise BuilderUnavailable("The builder ended well, but named no digest") from error
