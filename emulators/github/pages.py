"""The few pages of GitHub that people visit: registering an App from a manifest, and installing it.

Whoever `github.signed_in` names is signed in; there are no passwords."""

import html
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from emulators.github.apps import install
from emulators.github.errors import ApiError, not_found
from emulators.github.manifests import accept, checked
from emulators.github.model import Account, App
from emulators.github.state import GitHub

MOST_FORM = 1024 * 1024
"""Bytes."""
Form = dict[str, str]
Page = Callable[[GitHub, Request, Form], Response]


def page_routes(github: GitHub) -> list[Route]:
    pages = [("/settings/apps/new", _new_app), ("/organizations/{org}/settings/apps/new", _new_app)]
    pages += [("/settings/apps/manifest", _create_app), ("/apps/{slug}/installations/new", _installation)]
    return [Route(path, _endpoint(github, page), methods=["GET", "POST"]) for path, page in pages]


def _endpoint(github: GitHub, page: Page) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        received = b""
        async for chunk in request.stream():
            received += chunk
            if len(received) > MOST_FORM:
                return HTMLResponse("Too large", 413)
        form = {name: values[-1] for name, values in parse_qs(received.decode(errors="replace")).items()}
        return await run_in_threadpool(_shown, github, page, request, form)

    return endpoint


def _shown(github: GitHub, page: Page, request: Request, form: Form) -> Response:
    with github.lock:
        try:
            return page(github, request, form)
        except ApiError as refused:
            return _html("Error", f"<p>{html.escape(refused.message)}</p>", refused.status)


def _html(title: str, body: str, status: int = 200) -> Response:
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"
    return HTMLResponse(f"{head}<h1>{html.escape(title)}</h1>{body}", status)


def _form(action: str, button: str, hidden: Form, fields: str = "") -> str:
    inputs = "".join(
        f'<input type=hidden name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in hidden.items()
    )
    return f'<form method=post action="{html.escape(action)}">{inputs}{fields}<button>{html.escape(button)}</button></form>'


def _person(github: GitHub) -> Account:
    if github.signed_in is None:
        raise ApiError(401, "Sign in first")
    return github.signed_in


def _owner(github: GitHub, login: str | None) -> Account:
    """Who is signed in, or an organisation that they are an admin of. Raises ApiError (401, 404)."""
    person = _person(github)
    if not login or login.lower() == person.login.lower():
        return person
    found = github.account(login)
    if found.members.get(person.id) != "admin":
        raise not_found()
    return found


def _new_app(github: GitHub, request: Request, form: Form) -> Response:
    """A form elsewhere brings the manifest here; the person names the App, and agrees."""
    owner = _owner(github, request.path_params.get("org"))
    if "manifest" not in form:
        return _html(
            "Register new GitHub App", "<p>Send a manifest to this page.</p>", 200 if request.method == "GET" else 422
        )
    name = str(checked(form["manifest"]).get("name") or "")
    hidden = {"manifest": form["manifest"], "state": request.query_params.get("state", ""), "owner": owner.login}
    field = f'<label>GitHub App name <input name=name value="{html.escape(name)}"></label>'
    button = f"Create GitHub App for {owner.login}"
    return _html("Create GitHub App", _form("/settings/apps/manifest", button, hidden, field))


def _create_app(github: GitHub, request: Request, form: Form) -> Response:
    owner, manifest = _owner(github, form.get("owner")), checked(form.get("manifest", ""))
    name = form.get("name") or str(manifest.get("name") or "")
    if not name:
        raise ApiError(422, "The App needs a name")
    return RedirectResponse(accept(github, owner, manifest, name, form.get("state", "")), 302)


def _app(github: GitHub, slug: str) -> App:
    for app in github.apps.values():
        if app.slug == slug:
            return app
    raise not_found()


def _installation(github: GitHub, request: Request, form: Form) -> Response:
    """On all repositories of one's own account, or of an organisation of which one is an admin."""
    app, person = _app(github, request.path_params["slug"]), _person(github)
    if request.method == "GET":
        mine = [
            each.login for each in github.accounts.values() if each is person or each.members.get(person.id) == "admin"
        ]
        options = "".join(f"<option>{html.escape(login)}</option>" for login in mine)
        field = f"<label>Account <select name=account>{options}</select></label>"
        return _html(f"Install {app.name}", _form(request.url.path, "Install", {}, field))
    made = install(github, app, _owner(github, form.get("account")), None, person)
    return _set_up(app, made.id)


def _set_up(app: App, installation_id: int) -> Response:
    if app.setup_url is None:
        return _html(f"{app.name} is installed", "")
    query = urlencode({"installation_id": installation_id, "setup_action": "install"})
    return RedirectResponse(f"{app.setup_url}?{query}", 302)
