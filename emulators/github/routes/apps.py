"""GitHub Apps and their installations: https://docs.github.com/en/rest/apps."""

from emulators.github import apps as act
from emulators.github.calls import Call, Routes
from emulators.github.errors import not_found
from emulators.github.manifests import convert
from emulators.github.model import Installation, Json
from emulators.github.views.apps import app, installation
from emulators.github.views.repositories import repository
from emulators.github.views.scope import time

routes = Routes()
_ONE = "/app/installations/{installation_id:id}"


def _installation(call: Call) -> Installation:
    """One of the caller's own. Raises ApiError (404)."""
    found = call.github.installations.get(call.params["installation_id"])
    if found is None or found.app is not call.actor.app:
        raise not_found()
    return found


@routes("GET /app", "apps/apps#get-the-authenticated-app", caller="app")
def get_app(call: Call) -> Json:
    found = call.actor.app
    assert found is not None
    count = sum(each.app is found for each in call.github.installations.values())
    return app(call.scope, found) | {"client_id": found.client_id, "installations_count": count}


@routes("GET /apps/{slug}", "apps/apps#get-an-app")
def get_app_by_slug(call: Call) -> Json:
    for found in call.github.apps.values():
        if found.slug == call.params["slug"]:
            return app(call.scope, found)
    raise not_found()


@routes("POST /app-manifests/{code}/conversions", "apps/apps#create-a-github-app-from-a-manifest", status=201)
def convert_manifest(call: Call) -> Json:
    """The only time that its secrets are told; the code is all that is asked for."""
    found = convert(call.github, call.params["code"])
    secret = None if found.hook is None else found.hook.secret
    told = {"client_id": found.client_id, "client_secret": found.client_secret}
    return app(call.scope, found) | told | {"webhook_secret": secret, "pem": found.private_key}


@routes("GET /app/installations", "apps/apps#list-installations-for-the-authenticated-app", caller="app")
def list_installations(call: Call) -> list[Json]:
    mine = [each for each in call.github.installations.values() if each.app is call.actor.app]
    return [installation(call.scope, each) for each in call.page(mine)]


@routes(f"GET {_ONE}", "apps/apps#get-an-installation-for-the-authenticated-app", caller="app")
def get_installation(call: Call) -> Json:
    return installation(call.scope, _installation(call))


@routes(f"DELETE {_ONE}", "apps/apps#delete-an-installation-for-the-authenticated-app", status=204, caller="app")
def delete_installation(call: Call) -> None:
    found = _installation(call)
    act.uninstall(call.github, found, found.app.bot)


@routes(f"PUT {_ONE}/suspended", "apps/apps#suspend-an-app-installation", status=204, caller="app")
def suspend_installation(call: Call) -> None:
    found = _installation(call)
    act.suspend(call.github, found, found.app.bot)


@routes(f"DELETE {_ONE}/suspended", "apps/apps#unsuspend-an-app-installation", status=204, caller="app")
def unsuspend_installation(call: Call) -> None:
    found = _installation(call)
    act.unsuspend(call.github, found, found.app.bot)


@routes(
    f"POST {_ONE}/access_tokens",
    "apps/apps#create-an-installation-access-token-for-an-app",
    status=201,
    caller="app",
)
def create_access_token(call: Call) -> Json:
    found = _installation(call)
    token, expires_at, actor = act.create_token(call.github, found, call.body)
    chosen = found.repository_selection if actor.repository_ids is None else "selected"
    told: Json = {"token": token, "expires_at": time(expires_at), "permissions": actor.permissions}
    if actor.repository_ids is not None:
        named = [call.github.repositories[each] for each in sorted(actor.repository_ids)]
        told["repositories"] = [repository(call.scope, each) for each in named]
    return told | {"repository_selection": chosen}


@routes(
    "GET /repos/{owner}/{repo}/installation",
    "apps/apps#get-a-repository-installation-for-the-authenticated-app",
    caller="app",
)
def get_repository_installation(call: Call) -> Json:
    return installation(call.scope, act.installation_of(call.github, call.actor.app, call.repository))


@routes(
    "GET /orgs/{login}/installation",
    "apps/apps#get-an-organization-installation-for-the-authenticated-app",
    caller="app",
)
@routes("GET /users/{login}/installation", "apps/apps#get-a-user-installation-for-the-authenticated-app", caller="app")
def get_account_installation(call: Call) -> Json:
    account = call.github.account(call.params["login"])
    for found in call.github.installations.values():
        if (found.app, found.account) == (call.actor.app, account):
            return installation(call.scope, found)
    raise not_found()


@routes(
    "GET /installation/repositories",
    "apps/installations#list-repositories-accessible-to-the-app-installation",
    caller="installation",
)
def list_installation_repositories(call: Call) -> Json:
    actor = call.actor
    assert actor.installation is not None
    mine = [each for each in call.github.repositories.values() if call.github.is_granted(actor, each)]
    shown = [repository(call.scope, each) for each in call.page(mine)]
    return {
        "total_count": len(mine),
        "repository_selection": actor.installation.repository_selection,
        "repositories": shown,
    }


@routes(
    "DELETE /installation/token",
    "apps/installations#revoke-an-installation-access-token",
    status=204,
    caller="installation",
)
def revoke_token(call: Call) -> None:
    credential = call.headers["authorization"].split(" ", 1)[1]
    call.github.tokens.pop(credential, None)
