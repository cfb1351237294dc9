"""Apps registered from a manifest: https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest."""

import json
import secrets
from urllib.parse import urlencode, urlsplit

from emulators.github.apps import create_app, set_webhook
from emulators.github.errors import ApiError, not_found
from emulators.github.model import Account, App, Json
from emulators.github.state import GitHub

CODE_LIFETIME = 3600
"""Seconds."""


def checked(text: str) -> Json:
    """A manifest as a form brings it. Raises ApiError (422) with what is wrong."""
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError):
        raise ApiError(422, "The manifest is no JSON") from None
    if not isinstance(manifest, dict) or not _is_url(manifest.get("url")):
        raise ApiError(422, "The manifest needs a url")
    hook = manifest.get("hook_attributes")
    if hook is not None and not (isinstance(hook, dict) and _is_url(hook.get("url"))):
        raise ApiError(422, "hook_attributes needs a url")
    if not _is_url(manifest.get("redirect_url")):
        raise ApiError(422, "The manifest needs a redirect_url")
    if not isinstance(manifest.get("default_permissions", {}), dict) or not isinstance(
        manifest.get("default_events", []), list
    ):
        raise ApiError(422, "default_permissions must be an object and default_events a list")
    return manifest


def _is_url(value: object) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in ("http", "https") and bool(urlsplit(value).hostname)


def accept(github: GitHub, owner: Account, manifest: Json, name: str, state: str) -> str:
    """As when the button is clicked: the App comes to be; where the browser is sent, with a code for it."""
    permissions = {str(key): str(value) for key, value in manifest.get("default_permissions", {}).items()}
    events = [str(event) for event in manifest.get("default_events", [])]
    app = create_app(github, owner, name, permissions, events)
    app.description, app.external_url = manifest.get("description"), manifest["url"]
    app.setup_url = manifest.get("setup_url")
    hook = manifest.get("hook_attributes")
    if hook is not None:
        set_webhook(github, app, hook["url"], secrets.token_hex(20))
    code = secrets.token_hex(20)
    github.manifest_codes[code] = (app, github.now())
    query = {"code": code} | ({"state": state} if state else {})
    url = manifest["redirect_url"]
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}"


def convert(github: GitHub, code: str) -> App:
    """Once, and within an hour. Raises ApiError (404)."""
    app, made = github.manifest_codes.pop(code, (None, None))
    if app is None or made is None or (github.now() - made).total_seconds() > CODE_LIFETIME:
        raise not_found()
    return app
