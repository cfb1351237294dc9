"""One call of the API as its handler sees it, and the table of all handlers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode

from emulators.github.errors import ApiError, not_found
from emulators.github.model import Account, Actor, Comment, Issue, Json, Permission, PullRequest, Repository
from emulators.github.state import GitHub
from emulators.github.views.scope import Scope

T = TypeVar("T")
Caller = Literal["anyone", "user", "app", "installation"]
MOST_PER_PAGE = 100


class Raw(NamedTuple):
    """An answer that is no JSON."""

    content: bytes
    media_type: str


@dataclass
class Call:
    """`path` is below the API's root; for a repository's own routes it begins after the repository."""

    scope: Scope
    path: str
    params: dict[str, Any]
    query: str
    headers: dict[str, str]
    body: Json
    found: Repository | None = None
    answer_headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    """Instead of the route's."""

    @property
    def github(self) -> GitHub:
        return self.scope.github

    @property
    def actor(self) -> Actor:
        return self.scope.actor

    @property
    def account(self) -> Account:
        """Raises ApiError (401) for an anonymous caller."""
        if self.actor.account is None:
            raise ApiError(401, "Requires authentication")
        return self.actor.account

    @property
    def signed_in(self) -> Actor:
        """Whoever acts, with an account. Raises ApiError (401) for an anonymous caller."""
        if self.actor.account is None:
            raise ApiError(401, "Requires authentication")
        return self.actor

    @property
    def repository(self) -> Repository:
        assert self.found is not None, "only routes of a repository have one"
        return self.found

    @property
    def issue(self) -> Issue:
        """Of `{number}`; raises ApiError (404)."""
        found = self.repository.issues.get(self.params["number"])
        if found is None:
            raise not_found()
        return found

    @property
    def pull(self) -> PullRequest:
        """Of `{number}`; raises ApiError (404), also for an issue."""
        found = self.issue
        if not isinstance(found, PullRequest):
            raise not_found()
        return found

    @property
    def comment(self) -> Comment:
        """Of `{comment_id}`, which is found in its own repository only; raises ApiError (404)."""
        wanted = self.params["comment_id"]
        for issue in self.repository.issues.values():
            if wanted in issue.comments:
                return issue.comments[wanted]
        raise not_found()

    def asked(self, name: str, default: str = "") -> str:
        """Of the query; its last value."""
        return dict(parse_qsl(self.query, keep_blank_values=True)).get(name, default)

    def text(self, name: str) -> str | None:
        """Of the body. Raises ApiError (422) when it is there and no text."""
        value = self.body.get(name)
        if value is not None and (not isinstance(value, str) or "\0" in value):
            raise ApiError(422, f"Invalid request.\n\nFor 'properties/{name}', {value!r} is not a string.")
        return value

    def need(self, name: str) -> str:
        """Of the body. Raises ApiError (422) when it is missing."""
        value = self.text(name)
        if value is None:
            raise ApiError(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
        return value

    def number(self, name: str, default: int) -> int:
        """Of the query; the default when it is none."""
        text = self.asked(name)[:9]
        return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else default

    def page(self, items: Sequence[T]) -> list[T]:
        """The page that was asked for, with a Link header that names the others."""
        size = min(self.number("per_page", 30), MOST_PER_PAGE)
        number, last = self.number("page", 1), max(math.ceil(len(items) / size), 1)
        link = self._links(number, last)
        if link:
            self.answer_headers["Link"] = link
        return list(items[(number - 1) * size : number * size])

    def _links(self, number: int, last: int) -> str:
        named = [("prev", min(number - 1, last))] if number > 1 else []
        named += [("next", number + 1), ("last", last)] if number < last else []
        named += [("first", 1)] if number > 1 else []
        return ", ".join(f'<{self.address(page=str(page))}>; rel="{name}"' for name, page in named)

    def address(self, **changed: str) -> str:
        """Of this call, with other parameters. A repository is named by its id here: a new name breaks no paging."""
        root = f"/repositories/{self.found.id}" if self.found is not None else ""
        pairs = dict(parse_qsl(self.query, keep_blank_values=True)) | changed
        return f"{self.scope.api}{root}{self.path}?{urlencode(pairs)}"


Handler = Callable[[Call], Any]


class Route(NamedTuple):
    method: str
    path: str
    handler: Handler
    status: int
    documentation: str
    needs: tuple[str, ...]
    """Permissions of which an App must have one."""
    role: Permission
    """That a person must have on the repository."""
    caller: Caller


class Routes:
    """A part of the API; handlers are registered by decorator, with what their callers must be allowed."""

    def __init__(self) -> None:
        self.all: list[Route] = []

    def __call__(
        self,
        route: str,
        documentation: str,
        *,
        status: int = 200,
        needs: tuple[str, ...] = (),
        role: Permission = "read",
        caller: Caller = "anyone",
    ) -> Callable[[Handler], Handler]:
        """`route`: method and path, as in "GET /user"; `documentation`: its page below docs.github.com/rest."""
        method, path = route.split(" ")

        def register(handler: Handler) -> Handler:
            self.all.append(Route(method, path, handler, status, documentation, needs, role, caller))
            return handler

        return register
