"""Lists that are asked for again and again: a page that didn't change costs a 304, and nothing of the rate limit."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from gateways.forge.errors import ForgeUnavailable
from gateways.forge.github_api import MAX_PAGES, Caller, GitHubApi, content, has_next, on_page

Rows = list[dict[str, Any]]
Key = int | str


class _Page(NamedTuple):
    """As it was when it last changed."""

    etag: str
    items: tuple[Any, ...]
    is_last: bool


class Unchanged:
    """Keeps of each page its ETag and what was read of it. An ETag is of one token, so an App reads all anew about once an hour."""

    def __init__(self, api: GitHubApi) -> None:
        self._api = api
        self._pages: dict[Key, list[_Page]] = {}

    async def items(
        self, key: Key, caller: Caller, path: str, query: dict[str, str], read: Callable[[Rows], tuple[Any, ...]]
    ) -> tuple[Any, ...]:
        """Of all pages. `key`: under which they are kept. `read`: a page's rows to its items. Raises as GitHubApi.request."""
        former, pages = self._pages.get(key, []), []
        for number in range(1, MAX_PAGES + 1):
            known = former[number - 1] if number <= len(former) else None
            pages.append(await self._page(caller, path, on_page(number, query), known, read))
            if pages[-1].is_last:
                self._pages[key] = pages
                return tuple(item for page in pages for item in page.items)
        raise ForgeUnavailable(f"GET {path} on GitHub has more than {MAX_PAGES} pages.")

    async def _page(
        self,
        caller: Caller,
        path: str,
        query: dict[str, str],
        known: _Page | None,
        read: Callable[[Rows], tuple[Any, ...]],
    ) -> _Page:
        answer = await self._api.request(caller, "GET", path, query, etag=known.etag if known else None)
        if answer.status == 304 and known is not None:
            return known
        found = content(answer)
        rows: Rows = found["repositories"] if isinstance(found, dict) else found
        return _Page(answer.headers.get("ETag", ""), read(rows), not has_next(answer, len(rows)))

    def keep(self, keys: Collection[Key]) -> None:
        """The others are forgotten."""
        self._pages = {key: pages for key, pages in self._pages.items() if key in keys}
