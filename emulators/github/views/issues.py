"""Issues, pull requests as issues, comments, labels, reactions."""

from emulators.github.model import Account, Comment, Issue, Json, Label, PullRequest, Reaction, Repository
from emulators.github.views.accounts import simple_user
from emulators.github.views.apps import app
from emulators.github.views.scope import Scope, node_id, time, time_or_none

REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def author_association(repository: Repository, account: Account) -> str:
    if repository.owner is account:
        return "OWNER"
    if account.id in repository.owner.members:
        return "MEMBER"
    return "COLLABORATOR" if account.id in repository.collaborators else "NONE"


def label(scope: Scope, repository: Repository, found: Label) -> Json:
    url = f"{scope.of(repository)}/labels/{found.name}"
    facts = {"id": found.id, "node_id": node_id("Label", found.id), "url": url.replace(" ", "%20")}
    return facts | {"name": found.name, "color": found.color, "default": False, "description": found.description}


def reaction_rollup(url: str, reactions: list[Reaction]) -> Json:
    counts = {content: sum(each.content == content for each in reactions) for content in REACTIONS}
    return {"url": f"{url}/reactions", "total_count": len(reactions)} | counts


def reaction(scope: Scope, found: Reaction) -> Json:
    user = {"user": simple_user(scope, found.account), "content": found.content}
    return {"id": found.id, "node_id": node_id("Reaction", found.id)} | user | {"created_at": time(found.created_at)}


def comment(scope: Scope, found: Comment) -> Json:
    repository, kind = found.issue.repository, "pull" if isinstance(found.issue, PullRequest) else "issues"
    url = f"{scope.of(repository)}/issues/comments/{found.id}"
    return {
        "url": url,
        "html_url": f"{scope.page_of(repository)}/{kind}/{found.issue.number}#issuecomment-{found.id}",
        "issue_url": f"{scope.of(repository)}/issues/{found.issue.number}",
        "id": found.id,
        "node_id": node_id("IssueComment", found.id),
        "user": simple_user(scope, found.author),
        "created_at": time(found.created_at),
        "updated_at": time(found.updated_at),
        "author_association": author_association(repository, found.author),
        "body": found.body,
        "reactions": reaction_rollup(url, found.reactions),
        "performed_via_github_app": None if found.app is None else app(scope, found.app),
    }


def common(scope: Scope, issue: Issue) -> Json:
    """What an issue and a pull request show alike."""
    times = {name: time_or_none(getattr(issue, name)) for name in ("created_at", "updated_at", "closed_at")}
    people: Json = {"user": simple_user(scope, issue.author), "assignee": None, "assignees": [], "milestone": None}
    people |= {"author_association": author_association(issue.repository, issue.author)}
    texts = {"number": issue.number, "title": issue.title, "body": issue.body, "state": issue.state}
    lock = {"locked": issue.locked, "active_lock_reason": None}
    labels = {"labels": [label(scope, issue.repository, each) for each in issue.labels]}
    return texts | lock | people | labels | times


def issue(scope: Scope, found: Issue) -> Json:
    repository = found.repository
    url = f"{scope.of(repository)}/issues/{found.number}"
    id_ = found.issue_id if isinstance(found, PullRequest) else found.id
    kind = "pull" if isinstance(found, PullRequest) else "issues"
    urls = {"url": url, "repository_url": scope.of(repository), "labels_url": f"{url}/labels{{/name}}"}
    urls |= {"comments_url": f"{url}/comments", "events_url": f"{url}/events", "timeline_url": f"{url}/timeline"}
    urls |= {"html_url": f"{scope.page_of(repository)}/{kind}/{found.number}"}
    rest = {"id": id_, "node_id": node_id("Issue", id_), "comments": len(found.comments)}
    rest |= {"reactions": reaction_rollup(url, found.reactions), "performed_via_github_app": None}
    return urls | rest | common(scope, found) | {"state_reason": None} | _as_pull_request(scope, found)


def _as_pull_request(scope: Scope, found: Issue) -> Json:
    if not isinstance(found, PullRequest):
        return {}
    page = f"{scope.page_of(found.repository)}/pull/{found.number}"
    urls = {"url": f"{scope.of(found.repository)}/pulls/{found.number}", "html_url": page}
    urls |= {"diff_url": f"{page}.diff", "patch_url": f"{page}.patch"}
    return {"draft": found.draft, "pull_request": urls | {"merged_at": time_or_none(found.merged_at)}}
