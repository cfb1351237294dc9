"""Builds in memory for workflow tests: activities.protocols.Builder, pushing to an InMemoryRegistry."""

import asyncio
import hashlib

from activities.protocols import BuildFailed, BuildRequest, LogWriter
from gateways.faking import Controls
from gateways.registry.fake import InMemoryRegistry


class InMemoryBuilder(Controls):
    """Implements Builder; operation for `fail_next` and `hangs`: `build`. A Dockerfile with `RUN false` fails."""

    def __init__(self, registry: InMemoryRegistry) -> None:
        super().__init__()
        self.requests: list[BuildRequest] = []
        """What was built, in order."""
        self._registry = registry

    async def build(self, request: BuildRequest, output: LogWriter) -> str:
        self.requests.append(request)
        output.write(f"#1 building {request.repository}:{request.tag}\n".encode())
        try:
            async with asyncio.timeout(request.timeout.total_seconds()):
                await self.enter("build", f"{request.repository}:{request.tag}")
        except TimeoutError as error:
            raise BuildFailed(f"The build took longer than its limit of {request.timeout}") from error
        text = _text(request)
        if "RUN false" in text:
            output.write(b'#5 ERROR: process "/bin/sh -c false" did not complete successfully: exit code: 1\n')
            raise BuildFailed(
                'The build failed: process "/bin/sh -c false" did not complete successfully: exit code: 1'
            )
        digest = "sha256:" + hashlib.sha256(f"{request.tag}\0{text}".encode()).hexdigest()
        self._registry.push(request.repository, request.tag, digest)
        output.write(b"#9 DONE 0.1s\n")
        return f"{self._registry.host}/{request.repository}@{digest}"


def _text(request: BuildRequest) -> str:
    if request.dockerfile_text is not None:
        return request.dockerfile_text
    path = request.context / request.dockerfile
    if not path.is_file():
        raise BuildFailed(f"There is no {request.dockerfile} in the repository")
    return path.read_text()
