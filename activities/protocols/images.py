"""Images: built, found, deleted."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from pydantic import Field

from activities.protocols.failure import GatewayError
from activities.protocols.logs import LogWriter
from environments.model import Value


class BuildFailed(GatewayError):
    """The build itself failed (a RUN step, a missing Dockerfile): the log says why; trying again won't help."""

    retryable = False


class BuildRequest(Value):
    context: Path
    dockerfile: str
    """Relative to the context."""
    repository: str
    """`<environment namespace>/<build>`; host is the builder's own setting."""
    tag: str
    dockerfile_text: str | None = None
    """Instead of a file in the context: the text of a Dockerfile of ours."""
    timeout: timedelta = timedelta(minutes=20)
    cache: str = ""
    """Whose cache mounts it shares: those of the same text, and nobody else's."""
    arguments: Mapping[str, str] = Field(default_factory=dict)
    """Build arguments; those of a proxy hold a credential, which is written into no log."""
    hosts: tuple[str, ...] | None = None
    """From which the builder itself may fetch (ADD of a URL or a repository): names or `*.suffix`; None: from any."""


class Builder(Protocol):
    async def build(self, request: BuildRequest, output: LogWriter) -> str:
        """Build and push; answer the reference with digest (`host/repository@sha256:…`). Raises BuildFailed.
        Cancelling the call ends the build."""
        ...


class Registry(Protocol):
    async def resolve(self, image: str) -> str | None:
        """Reference with digest of an image as people write it (`nginx:1.22`, `localhost:5000/a/b:tag`); None when our registry doesn't have it."""
        ...

    async def repositories(self, prefix: str) -> Sequence[str]:
        """Repositories that hold at least one manifest and whose name begins with the prefix."""
        ...

    async def delete_repository(self, repository: str) -> int:
        """Delete every manifest of it by digest; how many were there. Nothing there is success."""
        ...
