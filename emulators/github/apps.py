"""GitHub Apps: registered, installed, and given tokens."""

import functools
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from emulators.github.errors import ApiError, custom, not_found
from emulators.github.model import Account, Actor, App, Hook, Installation, Json, Repository
from emulators.github.notifying import ping
from emulators.github.state import GitHub

KEY_BITS = 2048
_ORDER = ("read", "write", "admin")


def create_app(github: GitHub, owner: Account, name: str, permissions: dict[str, str], events: list[str]) -> App:
    """With a key of its own, and a bot account. Every App may read metadata. Raises ApiError (422) when the name is taken."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if any(app.slug == slug for app in github.apps.values()):
        raise custom("App", "Name has already been taken")
    private_key, public_key = _key_pair(len(github.apps))
    app = App(
        github.id("app"),
        slug,
        name,
        owner,
        github.add_account(f"{slug}[bot]", "Bot"),
        f"Iv1.{secrets.token_hex(8)}",
        secrets.token_hex(20),
        private_key,
        public_key,
        {"metadata": "read"} | permissions,
        events,
        github.now(),
    )
    github.apps[app.id] = app
    return app


def set_webhook(github: GitHub, app: App, url: str, secret: str | None) -> None:
    """GitHub pings it at once."""
    app.hook = Hook(github.id("hook"), url, secret, list(app.events), github.now(), app.id, app.id)
    ping(github, app.hook, app.owner, None)


@functools.cache
def _key_pair(number: int) -> tuple[str, str]:
    """PEM, private and public: one for each App of a GitHub. A key takes seconds on a busy machine, and every test wants one:
    the first App of the next GitHub of this process has the same as the first of this one."""
    key = rsa.generate_private_key(65537, KEY_BITS)
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, none)
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def install(
    github: GitHub, app: App, account: Account, repositories: Iterable[Repository] | None, by: Account
) -> Installation:
    """None: on all repositories of the account. Raises ApiError (422) when it is installed there already."""
    if any((each.app, each.account) == (app, account) for each in github.installations.values()):
        raise custom("Installation", f"{app.name} is installed on {account.login} already")
    ids = None if repositories is None else {each.id for each in repositories}
    made = Installation(
        github.id("installation"), app, account, dict(app.permissions), list(app.events), github.now(), ids
    )
    github.installations[made.id] = made
    github.tell("installation", "created", by, installation=made, repositories=repositories_of(github, made))
    return made


def uninstall(github: GitHub, installation: Installation, by: Account) -> None:
    """Its tokens end at once."""
    repositories = repositories_of(github, installation)
    github.tell("installation", "deleted", by, installation=installation, repositories=repositories)
    github.installations.pop(installation.id, None)


def suspend(github: GitHub, installation: Installation, by: Account) -> None:
    if installation.suspended_at is None:
        installation.suspended_at, installation.suspended_by = github.now(), by
        _tell(github, "suspend", installation, by)


def unsuspend(github: GitHub, installation: Installation, by: Account) -> None:
    if installation.suspended_at is not None:
        installation.suspended_at = installation.suspended_by = None
        _tell(github, "unsuspend", installation, by)


def accept_permissions(github: GitHub, installation: Installation, by: Account) -> None:
    """The App asks for other permissions or events by now; the account's owner agrees."""
    installation.permissions, installation.events = dict(installation.app.permissions), list(installation.app.events)
    _tell(github, "new_permissions_accepted", installation, by)


def _tell(github: GitHub, action: str, installation: Installation, by: Account) -> None:
    repositories = repositories_of(github, installation)
    github.tell("installation", action, by, installation=installation, repositories=repositories)


def choose(
    github: GitHub, installation: Installation, added: list[Repository], removed: list[Repository], by: Account
) -> None:
    """Repositories join an installation, or leave it; it is one on selected repositories from now on."""
    ids = installation.repository_ids
    if ids is None:
        ids = {each.id for each in repositories_of(github, installation)}
    installation.repository_ids = (ids | {each.id for each in added}) - {each.id for each in removed}
    for action, changed in (("added", added), ("removed", removed)):
        if changed:
            github.tell("installation_repositories", action, by, installation=installation, changed=changed)


def repositories_of(github: GitHub, installation: Installation) -> list[Repository]:
    return [each for each in github.repositories.values() if github.reaches(installation, each)]


def installation_of(github: GitHub, app: App | None, repository: Repository) -> Installation:
    """Raises ApiError (404)."""
    for installation in github.installations.values():
        if installation.app is app and github.reaches(installation, repository):
            return installation
    raise not_found()


def create_token(github: GitHub, installation: Installation, asked: Json) -> tuple[str, datetime, Actor]:
    """For all that the installation has, or less if less is asked for. Raises ApiError (403, 422)."""
    if installation.suspended_at is not None:
        raise ApiError(403, "This installation has been suspended")
    permissions = _permissions(installation, asked.get("permissions"))
    ids, name = _chosen(github, installation, asked), f"installation ID {installation.id}"
    app = installation.app
    actor = Actor(app.bot, app, installation, permissions, None if ids is None else frozenset(ids), name)
    lifetime = timedelta(seconds=github.token_lifetime)
    return github.add_token(actor, "ghs", lifetime), github.now() + lifetime, actor


def _permissions(installation: Installation, asked: object) -> dict[str, str]:
    if not asked:
        return dict(installation.permissions)
    if not isinstance(asked, dict) or not all(value in _ORDER for value in asked.values()):
        raise ApiError(422, "Invalid request.\n\nFor 'properties/permissions', it is not an object of permissions.")
    for name, level in asked.items():
        granted = installation.permissions.get(name)
        if granted is None or _ORDER.index(granted) < _ORDER.index(level):
            raise ApiError(422, "The permissions requested are not granted to this installation.")
    return {"metadata": "read"} | asked


def _chosen(github: GitHub, installation: Installation, asked: Json) -> set[int] | None:
    names, ids = asked.get("repositories"), asked.get("repository_ids")
    if not names and not ids:
        return None
    mine = repositories_of(github, installation)
    found = {each.id for each in mine if each.name in (names or []) or each.id in (ids or [])}
    if len(found) < len(set(names or [])) + len(set(ids or [])):
        message = (
            "There is at least one repository that does not exist or is not accessible to the parent installation."
        )
        raise ApiError(422, message)
    return found
