"""GET through the ingress with the environment's Host header: activities.protocols.Probe."""

import asyncio

import httpx

from activities.protocols import Answer

TIMEOUT_SECONDS = 2.0
"""For the whole answer: a probe is repeated, and must not hold the next one up."""
BODY_CHARACTERS = 2000
BODY_BYTES = 4 * BODY_CHARACTERS

NO_ROUTE_BODY = b"404 page not found\n"
NO_ROUTE_HEADERS = frozenset({"content-type", "x-content-type-options", "date", "content-length"})
"""What Traefik's own 404 carries, and nothing else."""


class HttpProbe:
    """Implements Probe. `address`, `port`: where the ingress listens; names under `*.localhost` are never looked up."""

    def __init__(self, address: str, port: int, scheme: str = "http", client: httpx.AsyncClient | None = None) -> None:
        self._url = f"{scheme}://{address}:{port}"
        self._client = client or httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def get(self, host: str, path: str = "/") -> Answer | None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                async with self._client.stream("GET", f"{self._url}{path}", headers={"Host": host}) as answer:
                    body = await _beginning(answer)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            return None
        if is_no_route(answer, body):
            return None
        return Answer(answer.status_code, body.decode(answer.encoding or "utf-8", errors="replace")[:BODY_CHARACTERS])


def is_no_route(answer: httpx.Response, body: bytes) -> bool:
    """Whether the ingress itself says that it knows no such host.

    A Go program without a route for `/` answers the very same bytes (both are http.NotFound); it then counts as not reached.
    """
    return answer.status_code == 404 and body == NO_ROUTE_BODY and set(answer.headers) <= NO_ROUTE_HEADERS


async def _beginning(answer: httpx.Response) -> bytes:
    body = b""
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) >= BODY_BYTES:
            break
    return body[:BODY_BYTES]
