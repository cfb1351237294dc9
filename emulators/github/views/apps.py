"""GitHub Apps, their installations and tokens."""

from emulators.github.model import App, Installation, Json
from emulators.github.views.accounts import simple_user
from emulators.github.views.scope import Scope, node_id, time, time_or_none


def app(scope: Scope, found: App) -> Json:
    return {
        "id": found.id,
        "slug": found.slug,
        "node_id": node_id("App", found.id),
        "owner": simple_user(scope, found.owner),
        "name": found.name,
        "description": found.description,
        "external_url": found.external_url,
        "html_url": f"{scope.html}/apps/{found.slug}",
        "created_at": time(found.created_at),
        "updated_at": time(found.created_at),
        "permissions": found.permissions,
        "events": found.events,
    }


def installation(scope: Scope, found: Installation) -> Json:
    url, account = f"{scope.api}/app/installations/{found.id}", found.account
    pages = f"{scope.html}/organizations/{account.login}" if account.type == "Organization" else scope.html
    by = found.suspended_by
    return {
        "id": found.id,
        "app_id": found.app.id,
        "app_slug": found.app.slug,
        "account": simple_user(scope, account),
        "target_id": account.id,
        "target_type": account.type,
        "repository_selection": found.repository_selection,
        "access_tokens_url": f"{url}/access_tokens",
        "repositories_url": f"{scope.api}/installation/repositories",
        "html_url": f"{pages}/settings/installations/{found.id}",
        "permissions": found.permissions,
        "events": found.events,
        "created_at": time(found.created_at),
        "updated_at": time(found.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None if by is None else simple_user(scope, by),
        "suspended_at": time_or_none(found.suspended_at),
    }
