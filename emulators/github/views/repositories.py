"""Repositories: short (in lists and within other objects) and whole."""

from emulators.github.model import ROLES, Json, Permission, Repository
from emulators.github.views.accounts import simple_user
from emulators.github.views.scope import Scope, node_id, time

_PLAIN = "contributors deployments downloads events forks hooks languages merges stargazers subscribers subscription tags teams"
_TEMPLATES = {
    "archive": "{archive_format}{/ref}",
    "assignees": "assignees{/user}",
    "blobs": "git/blobs{/sha}",
    "branches": "branches{/branch}",
    "collaborators": "collaborators{/collaborator}",
    "comments": "comments{/number}",
    "commits": "commits{/sha}",
    "compare": "compare/{base}...{head}",
    "contents": "contents/{+path}",
    "git_commits": "git/commits{/sha}",
    "git_refs": "git/refs{/sha}",
    "git_tags": "git/tags{/sha}",
    "issue_comment": "issues/comments{/number}",
    "issue_events": "issues/events{/number}",
    "issues": "issues{/number}",
    "keys": "keys{/key_id}",
    "labels": "labels{/name}",
    "milestones": "milestones{/number}",
    "notifications": "notifications{?since,all,participating}",
    "pulls": "pulls{/number}",
    "releases": "releases{/id}",
    "statuses": "statuses/{sha}",
    "trees": "git/trees{/sha}",
} | {name: name for name in _PLAIN.split()}
_FEATURES = {"has_issues": True, "has_projects": True, "has_downloads": True, "has_wiki": True, "has_pages": False}
_SWITCHES = {"archived": False, "disabled": False, "is_template": False, "web_commit_signoff_required": False}
_COUNTS = ("stargazers_count", "watchers_count", "watchers", "size")


def minimal_repository(scope: Scope, repository: Repository) -> Json:
    url, page = scope.of(repository), scope.page_of(repository)
    facts = {
        "id": repository.id,
        "node_id": node_id("Repository", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "private": repository.private,
        "owner": simple_user(scope, repository.owner),
        "html_url": page,
        "description": repository.description,
        "fork": repository.parent is not None,
        "url": url,
    }
    return facts | {f"{name}_url": f"{url}/{template}" for name, template in _TEMPLATES.items()}


def repository(scope: Scope, found: Repository) -> Json:
    """As pull requests and webhooks hold it."""
    host = scope.html.split("://")[1]
    page = scope.page_of(found)
    times = {"created_at": found.created_at, "updated_at": found.updated_at, "pushed_at": found.pushed_at}
    urls = {"git_url": f"git://{host}/{found.full_name}.git", "ssh_url": f"git@{host}:{found.full_name}.git"}
    urls |= {"clone_url": f"{page}.git", "svn_url": page}
    forks = sum(each.parent is found for each in scope.github.repositories.values())
    opened = sum(issue.state == "open" for issue in found.issues.values())
    counts = dict.fromkeys(_COUNTS, 0) | {"forks_count": forks, "forks": forks}
    counts |= {"open_issues_count": opened, "open_issues": opened}
    rest: Json = {"homepage": None, "language": None, "mirror_url": None, "license": None, "topics": []}
    rest |= {"default_branch": found.default_branch, "visibility": "private" if found.private else "public"}
    rest |= {"custom_properties": {}} if scope.webhook else {}
    switches = _FEATURES | {"has_discussions": False, "allow_forking": True} | _SWITCHES
    return minimal_repository(scope, found) | {k: time(v) for k, v in times.items()} | urls | counts | switches | rest


def full_repository(scope: Scope, found: Repository) -> Json:
    shown = repository(scope, found) | {"permissions": permissions(scope, found), "custom_properties": {}}
    shown |= {"network_count": shown["forks_count"], "subscribers_count": 0, "temp_clone_token": None}
    if found.owner.type == "Organization":
        shown["organization"] = simple_user(scope, found.owner)
    if found.parent is not None:
        shown["parent"] = shown["source"] = repository(scope, found.parent)
    return shown


def permissions(scope: Scope, found: Repository) -> dict[str, bool]:
    """Of the caller: `push` is the role write, `pull` is read."""
    has = ROLES.index(scope.github.role(scope.actor.account, found))
    names: dict[str, Permission] = {
        "admin": "admin",
        "maintain": "maintain",
        "push": "write",
        "triage": "triage",
        "pull": "read",
    }
    return {name: has >= ROLES.index(role) for name, role in names.items()}
