"""Users and organisations."""

from emulators.github.model import Account, Json
from emulators.github.views.scope import Scope, node_id, time

_USER_PATHS = {
    "followers": "",
    "following": "{/other_user}",
    "gists": "{/gist_id}",
    "starred": "{/owner}{/repo}",
    "subscriptions": "",
    "repos": "",
    "events": "{/privacy}",
    "received_events": "",
}


def simple_user(scope: Scope, account: Account) -> Json:
    url = scope.of_account(account)
    urls = {f"{name}_url": f"{url}/{name}{template}" for name, template in _USER_PATHS.items()}
    facts = {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("User", account.id),
        "avatar_url": f"{scope.html}/avatars/u/{account.id}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": html_url(scope, account),
        "organizations_url": f"{url}/orgs",
        "type": account.type,
        "site_admin": False,
    }
    return facts | urls


def html_url(scope: Scope, account: Account) -> str:
    bot = account.type == "Bot"
    return f"{scope.html}/apps/{account.login.removesuffix('[bot]')}" if bot else f"{scope.html}/{account.login}"


def public_user(scope: Scope, account: Account) -> Json:
    unknown = dict.fromkeys(("company", "email", "hireable", "bio", "location"))
    counts = {"public_repos": _count(scope, account, private=False), "public_gists": 0, "followers": 0, "following": 0}
    times = {"created_at": time(account.created_at), "updated_at": time(account.created_at)}
    return simple_user(scope, account) | {"name": account.login, "blog": ""} | unknown | counts | times


def private_user(scope: Scope, account: Account) -> Json:
    owned = _count(scope, account, private=True)
    counts = {"private_gists": 0, "total_private_repos": owned, "owned_private_repos": owned, "disk_usage": 0}
    return public_user(scope, account) | counts | {"collaborators": 0, "two_factor_authentication": True}


def _count(scope: Scope, account: Account, private: bool) -> int:
    mine = (each for each in scope.github.repositories.values() if each.owner is account)
    return sum(each.private == private for each in mine)


def organization(scope: Scope, account: Account) -> Json:
    """As webhooks name the organisation that owns a repository."""
    url = f"{scope.api}/orgs/{account.login}"
    urls = {f"{name}_url": f"{url}/{name}" for name in ("repos", "events", "hooks", "issues")}
    members = {"members_url": f"{url}/members{{/member}}", "public_members_url": f"{url}/public_members{{/member}}"}
    facts = {"login": account.login, "id": account.id, "node_id": node_id("Organization", account.id), "url": url}
    return facts | urls | members | {"avatar_url": f"{scope.html}/avatars/u/{account.id}?v=4", "description": ""}
