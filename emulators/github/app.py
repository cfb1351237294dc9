"""The HTTP side: one ASGI application for the API (with and without /api/v3), git over HTTP, and the pages."""

import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.routing import Route as HttpRoute

from emulators.github.answers import Answer
from emulators.github.auth import actor_of
from emulators.github.calls import Call, Raw, Route
from emulators.github.errors import DOCUMENTATION, ApiError, Moved, not_found
from emulators.github.git_http import git_routes
from emulators.github.limits import Limits
from emulators.github.model import ANONYMOUS, Actor, Json
from emulators.github.pages import page_routes
from emulators.github.routes import ROUTES
from emulators.github.state import GitHub
from emulators.github.views.scope import Scope

PREFIX = "/api/v3"


class _IdConvertor(Convertor[int]):
    """Starlette's own takes any number of digits, and fails on what Python won't read."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("id", _IdConvertor())
MOST_BODY = 10 * 1024 * 1024
"""Bytes of a request."""
_EXPOSED = "ETag, Link, Location, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Used, X-RateLimit-Resource"
_ALWAYS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": f"{_EXPOSED}, X-RateLimit-Reset, X-GitHub-Media-Type, X-GitHub-Request-Id",
    "Content-Security-Policy": "default-src 'none'",
    "Referrer-Policy": "origin-when-cross-origin, strict-origin-when-cross-origin",
    "Server": "github.com",
    "Strict-Transport-Security": "max-age=31536000; includeSubdomains; preload",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
    "X-GitHub-Media-Type": "github.v3; format=json",
    "X-XSS-Protection": "0",
}


def make_app(github: GitHub) -> Starlette:
    api = [route for declared in ROUTES for route in _http_routes(github, declared)]
    unknown = HttpRoute("/{rest:path}", _unknown(github), methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    return Starlette(
        routes=[Mount(PREFIX, routes=[*api, unknown]), *api, *page_routes(github), *git_routes(github), unknown]
    )


def _http_routes(github: GitHub, declared: Route) -> list[HttpRoute]:
    """A repository's routes are also found by its id."""
    paths = [declared.path]
    if declared.path.startswith("/repos/{owner}/{repo}"):
        paths.append(declared.path.replace("/repos/{owner}/{repo}", "/repositories/{repository_id:id}", 1))
    return [HttpRoute(path, _endpoint(github, declared), methods=[declared.method]) for path in paths]


def _endpoint(github: GitHub, declared: Route) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            body: Json | ApiError = await _body(request)
        except ApiError as refused:
            body = refused
        return await run_in_threadpool(_answer, github, declared, request, body)

    return endpoint


def _unknown(github: GitHub) -> Callable[[Request], Awaitable[Response]]:
    def refuse(_: Call) -> None:
        raise not_found()

    return _endpoint(github, Route("GET", "/", refuse, 404, "", (), "read", "anyone"))


async def _body(request: Request) -> Json:
    """Raises ApiError (400, 413)."""
    received = b""
    async for chunk in request.stream():
        received += chunk
        if len(received) > MOST_BODY:
            raise ApiError(413, "Payload too big")
    if not received:
        return {}
    try:
        told = json.loads(received)
    except (ValueError, RecursionError):
        raise ApiError(400, "Problems parsing JSON") from None
    if not isinstance(told, dict):
        raise ApiError(400, "Body should be a JSON object")
    return told


def _answer(github: GitHub, declared: Route, request: Request, body: Json | ApiError) -> Response:
    with github.lock:
        limits, actor = github.limits, ANONYMOUS
        try:
            actor = actor_of(github, request.headers.get("Authorization"))
            limits.check(actor.name, request.url.path)
            if isinstance(body, ApiError):
                raise body
            response = _handled(_call(github, actor, request, body), declared)
        except ApiError as refused:
            response = _refusal(refused, declared)
        except Moved as moved:
            response = _redirect(github, request, moved)
        finished = _finish(request, response, limits, actor)
        github.answers.append(_recorded(request, finished, actor))
        return finished


def _call(github: GitHub, actor: Actor, request: Request, body: Json) -> Call:
    path = request.url.path
    prefix = PREFIX if path.startswith(f"{PREFIX}/") else ""
    html = f"{request.url.scheme}://{request.headers.get('Host', request.url.netloc)}"
    scope = Scope(github, html + prefix, html, actor)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Call(scope, path.removeprefix(prefix), dict(request.path_params), request.url.query, headers, body)


def _handled(call: Call, declared: Route) -> Response:
    if any("\0" in value for value in call.params.values() if isinstance(value, str)):
        raise not_found()
    _check_caller(call.actor, declared)
    if "{owner}/{repo}" in declared.path:
        _find_repository(call, declared)
    told = declared.handler(call)
    status = call.status or declared.status
    if isinstance(told, Raw):
        return Response(told.content, status, call.answer_headers, told.media_type)
    content = b"" if told is None else json.dumps(told, separators=(",", ":")).encode()
    return Response(content, status, call.answer_headers, "application/json; charset=utf-8" if content else None)


def _check_caller(actor: Actor, declared: Route) -> None:
    if declared.caller == "app" and actor.app is not None and actor.installation is None:
        return
    if declared.caller == "app":
        raise ApiError(401, "A JSON web token could not be decoded")
    if declared.caller == "user" and actor.installation is not None:
        raise ApiError(403, "Resource not accessible by integration")
    if declared.caller == "installation" and actor.installation is None:
        raise ApiError(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        )
    if actor.app is not None and actor.installation is None and "{owner}" in declared.path:
        raise ApiError(401, "Bad credentials")


def _find_repository(call: Call, declared: Route) -> None:
    """Raises ApiError, or Moved when the caller may see what is there now."""
    github, params = call.github, call.params
    try:
        by_id = params.get("repository_id")
        found = github.repository(params["owner"], params["repo"]) if by_id is None else github.repository_by_id(by_id)
    except Moved as moved:
        if not github.sees(call.actor, github.repository_by_id(moved.repository_id)):
            raise not_found() from None
        raise
    github.allow(call.actor, found, declared.role, declared.needs)
    call.found = found
    call.path = "/".join(["", *call.path.split("/")[3 if by_id is not None else 4 :]]).rstrip("/")


def _refusal(refused: ApiError, declared: Route) -> Response:
    url = f"{DOCUMENTATION}/{declared.documentation}" if declared.documentation else DOCUMENTATION
    content = json.dumps(refused.body(url)).encode()
    return Response(content, refused.status, refused.headers, "application/json; charset=utf-8")


def _redirect(github: GitHub, request: Request, moved: Moved) -> Response:
    path = request.url.path
    prefix = PREFIX if path.startswith(f"{PREFIX}/") else ""
    rest = "/".join(path.removeprefix(prefix).split("/")[4:])
    query = f"?{request.url.query}" if request.url.query else ""
    html = f"{request.url.scheme}://{request.headers.get('Host', request.url.netloc)}"
    url = f"{html}{prefix}/repositories/{moved.repository_id}" + (f"/{rest}" if rest else "") + query
    about = f"{DOCUMENTATION}/guides/best-practices-for-using-the-rest-api#follow-redirects"
    content = json.dumps({"message": "Moved Permanently", "url": url, "documentation_url": about})
    status = 301 if request.method in ("GET", "HEAD") else 307
    return Response(content, status, {"Location": url}, "application/json; charset=utf-8")


def _finish(request: Request, response: Response, limits: Limits, actor: Actor) -> Response:
    """What every answer has; a 304 that costs nothing when the caller has this content already."""
    headers: dict[str, str] = {}
    if 200 <= response.status_code < 300 and response.body:
        headers = _cached(response, actor)
        known = request.method in ("GET", "HEAD") and _has(request.headers.get("If-None-Match"), headers["ETag"])
        if known:
            response = Response(None, 304, {k: v for k, v in response.headers.items() if k == "link"})
    if response.status_code != 304 or actor is ANONYMOUS:
        limits.spend(actor.name)
    if actor.account is not None and actor.app is None:
        headers |= {"X-OAuth-Scopes": "delete_repo, repo, user", "X-Accepted-OAuth-Scopes": "repo"}
    headers |= limits.headers(actor.name) | {"X-GitHub-Request-Id": _request_id()} | _ALWAYS
    response.headers.update(headers)
    return response


def _cached(response: Response, actor: Actor) -> dict[str, str]:
    who = "public" if actor is ANONYMOUS else "private"
    return {
        "ETag": f'W/"{hashlib.sha256(response.body).hexdigest()}"',
        "Cache-Control": f"{who}, max-age=60, s-maxage=60",
        "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With",
    }


def _recorded(request: Request, response: Response, actor: Actor) -> Answer:
    path, query = request.url.path.removeprefix(PREFIX), request.url.query
    headers, body = dict(response.headers), bytes(response.body)
    return Answer(request.method, path, query, actor.name, response.status_code, headers, body)


def _has(if_none_match: str | None, etag: str) -> bool:
    """Compared weakly, as RFC 9110 wants it for If-None-Match."""
    known = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    return "*" in known or etag.removeprefix("W/") in known


def _request_id() -> str:
    text = uuid.uuid4().hex.upper()
    return ":".join((text[:4], text[4:10], text[10:17], text[17:24], text[24:32]))
