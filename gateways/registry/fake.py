"""A registry in memory for workflow tests: activities.protocols.Registry."""

import hashlib
from collections.abc import Sequence

from gateways.faking import Controls
from gateways.registry.reference import parse_reference


class InMemoryRegistry(Controls):
    """Implements Registry; operations for `fail_next` and `hangs`: `resolve`, `repositories`, `delete_repository`."""

    def __init__(self, host: str = "localhost:5000") -> None:
        super().__init__()
        self.host = host
        self.tags: dict[str, dict[str, str]] = {}
        """Repository -> tag -> digest."""

    def push(self, repository: str, tag: str, digest: str | None = None) -> str:
        """The digest; made of the name when not given."""
        digest = digest or "sha256:" + hashlib.sha256(f"{repository}:{tag}".encode()).hexdigest()
        self.tags.setdefault(repository, {})[tag] = digest
        return digest

    async def resolve(self, image: str) -> str | None:
        await self.enter("resolve", image)
        reference = parse_reference(image)
        if reference is None or reference.host not in ("docker.io", self.host):
            return None
        tags = self.tags.get(reference.repository, {})
        is_digest = reference.version in tags.values()
        digest = reference.version if is_digest else tags.get(reference.version)
        return f"{self.host}/{reference.repository}@{digest}" if digest else None

    async def repositories(self, prefix: str) -> Sequence[str]:
        await self.enter("repositories", prefix)
        return sorted(name for name, tags in self.tags.items() if tags and name.startswith(prefix))

    async def delete_repository(self, repository: str) -> int:
        await self.enter("delete_repository", repository)
        return len(set(self.tags.pop(repository, {}).values()))
