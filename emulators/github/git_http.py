"""Repositories over HTTP: git's own http-backend, behind GitHub's names, credentials and refusals."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from emulators.github.auth import actor_of
from emulators.github.errors import ApiError, Moved
from emulators.github.git import environment_of
from emulators.github.model import ROLES, Actor, Repository
from emulators.github.operations import observe_push
from emulators.github.state import GitHub

MOST_BODY = 512 * 1024 * 1024
"""Bytes of one push."""
PATHS = ("info/refs", "git-upload-pack", "git-receive-pack")


class _Granted(NamedTuple):
    repository: Repository
    actor: Actor
    push: bool


def git_routes(github: GitHub) -> list[Route]:
    async def endpoint(request: Request) -> Response:
        granted = await run_in_threadpool(_admit, github, request)
        return granted if isinstance(granted, Response) else await _serve(github, request, granted)

    methods = {"info/refs": ["GET"], "git-upload-pack": ["POST"], "git-receive-pack": ["POST"]}
    return [Route(f"/{{owner}}/{{repo}}/{path}", endpoint, methods=methods[path]) for path in PATHS]


def _admit(github: GitHub, request: Request) -> _Granted | Response:
    service = request.query_params.get("service", "") + request.url.path.rpartition("/")[2]
    push = "git-receive-pack" in service
    with github.lock:
        try:
            actor = actor_of(github, request.headers.get("Authorization"))
            found = github.repository(request.path_params["owner"], request.path_params["repo"].removesuffix(".git"))
        except Moved as moved:
            found = github.repository_by_id(moved.repository_id)
            return _redirect(request, found) if github.sees(actor, found) else _unseen(actor)
        except ApiError as refused:
            return _sign_in("Invalid username or token.") if refused.status in (401, 403) else _unseen(actor)
        return _refusal(github, actor, found, push) or _Granted(found, actor, push)


def _refusal(github: GitHub, actor: Actor, found: Repository, push: bool) -> Response | None:
    if not github.sees(actor, found):
        return _unseen(actor)
    if actor.installation is not None:
        may = _app_may(github, actor, found, push)
        return None if may else PlainTextResponse("Write access to repository not granted.", 403)
    if push and actor.account is None:
        return _sign_in("No anonymous write access.")
    if push and ROLES.index(github.role(actor.account, found)) < ROLES.index("write"):
        return PlainTextResponse(f"Permission to {found.full_name}.git denied to {actor.name}.", 403)
    return None


def _app_may(github: GitHub, actor: Actor, found: Repository, push: bool) -> bool:
    contents = (actor.permissions or {}).get("contents") if github.is_granted(actor, found) else None
    return contents == "write" or (not push and (contents == "read" or not found.private))


def _unseen(actor: Actor) -> Response:
    """An anonymous caller can't tell what isn't there from what is private."""
    known = actor.account is not None or actor.app is not None
    return PlainTextResponse("Repository not found.", 404) if known else _sign_in("Repository not found.")


def _sign_in(message: str) -> Response:
    return PlainTextResponse(message, 401, {"WWW-Authenticate": 'Basic realm="GitHub"'})


def _redirect(request: Request, found: Repository) -> Response:
    """git follows it on its first request of a clone, fetch or push."""
    rest = request.url.path.split("/", 3)[3]
    suffix = ".git" if request.path_params["repo"].endswith(".git") else ""
    return RedirectResponse(f"/{found.full_name}{suffix}/{rest}?{request.url.query}", 301)


class _Streamed(Response):
    """Starlette's own StreamingResponse listens for the end of the request meanwhile, and so takes pieces of a push that
    git has not read yet: it answers before it has read all."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], status: int, headers: dict[str, str]) -> None:
        self.status_code, self.background = status, None
        self._chunks = chunks
        self.raw_headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with contextlib.aclosing(self._chunks) as chunks:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _serve(github: GitHub, request: Request, granted: _Granted) -> Response:
    environment = _environment(request, granted)
    pipe = asyncio.subprocess.PIPE
    backend = await asyncio.create_subprocess_exec("git", "http-backend", env=environment, stdin=pipe, stdout=pipe)
    feeding = asyncio.create_task(_feed(request, backend))
    assert backend.stdout is not None
    try:
        head = (await backend.stdout.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        await _end(backend, feeding)
        return PlainTextResponse("git http-backend gave no answer", 500)
    headers = dict(line.split(": ", 1) for line in head.strip().split("\r\n"))
    status = int(headers.pop("Status", "200 OK").split()[0])
    return _Streamed(_content(github, granted, backend, feeding), status, headers)


def _environment(request: Request, granted: _Granted) -> dict[str, str]:
    """The path is the repository's own folder and one of three fixed names: nothing of the URL reaches the disk."""
    folder = granted.repository.folder
    path = next(path for path in PATHS if request.url.path.endswith(f"/{path}"))
    asked = {
        "GIT_PROJECT_ROOT": str(folder.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{folder.name}/{path}",
        "QUERY_STRING": request.url.query,
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "REMOTE_ADDR": "127.0.0.1",
    }
    if request.headers.get("Content-Length"):
        asked["CONTENT_LENGTH"] = request.headers["Content-Length"]
    return environment_of(folder) | asked | ({"REMOTE_USER": granted.actor.name} if granted.push else {})


async def _feed(request: Request, backend: asyncio.subprocess.Process) -> None:
    assert backend.stdin is not None
    received = 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received > MOST_BODY:
                break
            backend.stdin.write(chunk)
            await backend.stdin.drain()
    except (BrokenPipeError, ConnectionResetError, ClientDisconnect):
        pass
    backend.stdin.close()


async def _content(
    github: GitHub, granted: _Granted, backend: asyncio.subprocess.Process, feeding: asyncio.Task[None]
) -> AsyncGenerator[bytes, None]:
    """What a push changed is known before the answer ends: who pushed can ask the API at once."""
    assert backend.stdout is not None
    try:
        while chunk := await backend.stdout.read(65536):
            yield chunk
    finally:
        await _end(backend, feeding)
        if granted.push:
            await run_in_threadpool(_pushed, github, granted)


async def _end(backend: asyncio.subprocess.Process, feeding: asyncio.Task[None]) -> None:
    """Also when the client went away."""
    feeding.cancel()
    if backend.stdin is not None:
        backend.stdin.close()
    try:
        await asyncio.wait_for(backend.wait(), 5)
    except TimeoutError:
        backend.kill()
        await backend.wait()


def _pushed(github: GitHub, granted: _Granted) -> None:
    with github.lock:
        assert granted.actor.account is not None
        if granted.repository.id in github.repositories:
            observe_push(github, granted.repository, granted.actor.account)
