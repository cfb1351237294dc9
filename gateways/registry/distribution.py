"""A registry over HTTP (OCI distribution API, docker-registry 2.8): activities.protocols.Registry."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from gateways.registry.errors import RegistryUnavailable, error_from
from gateways.registry.reference import parse_reference

ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
"""All of them: for a type that isn't accepted, 2.8 converts to the old schema 1 and answers another digest."""
TIMEOUT_SECONDS = 20.0
PAGE = 500
AT_ONCE = 8
"""Requests at the same time: the registry is a small process."""


class DistributionRegistry:
    """Implements Registry. `base_url`: `http://localhost:5000`; its host and port are those of our images' names."""

    def __init__(self, base_url: str, client: httpx.AsyncClient | None = None) -> None:
        self.host = urlsplit(base_url).netloc
        # No redirects: an answer that leads elsewhere is not our registry's.
        self._client = client or httpx.AsyncClient(base_url=base_url, timeout=TIMEOUT_SECONDS, trust_env=False)
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def resolve(self, image: str) -> str | None:
        """Our registry answers for docker.io's names too, as it is that one's mirror. Raises RegistryUnavailable."""
        reference = parse_reference(image)
        if reference is None or reference.host not in ("docker.io", self.host):
            return None
        digest = await self._digest(reference.repository, reference.version)
        return f"{self.host}/{reference.repository}@{digest}" if digest else None

    async def repositories(self, prefix: str) -> Sequence[str]:
        named = [name for name in await self._catalog() if name.startswith(prefix)]
        # The catalogue goes on naming a repository whose last manifest was deleted.
        held = await asyncio.gather(*(self._holds_something(name) for name in named))
        return [name for name, is_held in zip(named, held, strict=True) if is_held]

    async def delete_repository(self, repository: str) -> int:
        digests = await asyncio.gather(*(self._digest(repository, tag) for tag in await self._tags(repository)))
        deleted = 0
        for digest in dict.fromkeys(digests):
            if digest:
                deleted += await self._delete(repository, digest)
        return deleted

    async def _holds_something(self, repository: str) -> bool:
        for tag in await self._tags(repository):
            # A registry that ends while it deletes leaves a tag without its manifest, which nothing can take off.
            if await self._digest(repository, tag):
                return True
        return False

    async def _delete(self, repository: str, digest: str) -> int:
        """Delete a manifest, and what only an index holds together; how many there were."""
        path = f"/v2/{repository}/manifests/{digest}"
        answer = await self._request("GET", path)
        parts = answer.json().get("manifests") or () if answer.status_code == 200 else ()
        # The index last: only it still names the others, should this be cut off.
        counts = [await self._delete(repository, part["digest"]) for part in parts]
        deleted = await self._request("DELETE", path)
        return (deleted.status_code != 404) + sum(counts)

    async def _catalog(self) -> list[str]:
        names: list[str] = []
        while True:
            page = await self._page(
                "/v2/_catalog", {"n": str(PAGE), "last": names[-1] if names else ""}, "repositories"
            )
            names += page
            if len(page) < PAGE:
                return names

    async def _tags(self, repository: str) -> list[str]:
        return await self._page(f"/v2/{repository}/tags/list", {}, "tags")

    async def _page(self, path: str, query: dict[str, str], key: str) -> list[str]:
        answer = await self._request("GET", path, params={name: value for name, value in query.items() if value})
        return (answer.json().get(key) or []) if answer.status_code == 200 else []

    async def _digest(self, repository: str, version: str) -> str | None:
        answer = await self._request("HEAD", f"/v2/{repository}/manifests/{version}")
        return answer.headers.get("Docker-Content-Digest") if answer.status_code == 200 else None

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """An answer of 2xx or 404. Raises RegistryUnavailable, RegistryRefused."""
        what = f"{method} {path}"
        try:
            async with self._slots:
                answer = await self._client.request(method, path, headers={"Accept": ACCEPT}, **options)
        except httpx.HTTPError as error:
            raise RegistryUnavailable(f"The registry at {self.host} didn't answer {what}: {error}"[:500]) from error
        if not answer.is_success and answer.status_code != 404:
            raise error_from(answer.status_code, what)
        return answer
