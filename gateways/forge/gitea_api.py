"""Requests to Gitea's API: bounded, paged, never redirected, every failure one of gateways.forge.errors."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from gateways.forge.errors import Answer, ForgeUnavailable, error_from

TIMEOUT_SECONDS = 20.0
AT_ONCE = 8
"""Connections: a small forge answers slower the more it is asked."""
PAGE = 50
"""Gitea's own maximum unless an administrator raised it; a larger number is cut without a word."""
MAX_PAGES = 1000

Json = dict[str, Any]


class GiteaApi:
    """`base_url`: as in a browser, `https://forge.example.com`."""

    def __init__(self, base_url: str, token: str, client: httpx.AsyncClient | None = None) -> None:
        self._client = client or httpx.AsyncClient(
            base_url=f"{base_url.rstrip('/')}/api/v1",
            headers={"Authorization": f"token {token}", "Accept": "application/json"},
            timeout=httpx.Timeout(TIMEOUT_SECONDS, pool=None),
            limits=httpx.Limits(max_connections=AT_ONCE),
            # Neither a proxy nor .netrc of the worker's environment, and no redirects: the token goes to the forge only.
            trust_env=False,
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def get(self, path: str) -> Any:
        return _content(await self._request("GET", path))

    async def send(self, method: str, path: str, body: Json) -> Any:
        return _content(await self._request(method, path, json=body))

    async def pages(self, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[Any]:
        """The content of each page. The forge says by its Link header whether there is another one; some lists have one only."""
        for page in range(1, MAX_PAGES + 1):
            params = {"limit": str(PAGE), "page": str(page), **(query or {})}
            answer = await self._request("GET", path, params=params)
            yield _content(answer)
            if "next" not in answer.links:
                return
        raise ForgeUnavailable(f"GET {path} on the forge has more than {MAX_PAGES} pages.")

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        what = f"{method} {path}"
        try:
            answer = await self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ForgeUnavailable(f"The forge didn't answer {what}: {error or type(error).__name__}") from error
        if not answer.is_success:
            raise error_from(Answer(answer.status_code, answer.headers, answer.text), what)
        return answer


def _content(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        text = f"What answered {answer.request.method} {answer.request.url.path} is not the forge's API. Check the forge's URL."
        raise ForgeUnavailable(text) from error
