"""Issues, comments and labels of issues and pull requests: https://docs.github.com/en/rest/issues."""

from emulators.github import issues as act
from emulators.github import pulls
from emulators.github.calls import Call, Routes
from emulators.github.errors import ApiError
from emulators.github.model import Comment, Json, PullRequest
from emulators.github.views.issues import comment, issue, label

routes = Routes()
_READ, _WRITE = ("issues:read", "pull_requests:read"), ("issues:write", "pull_requests:write")


@routes(
    "GET /repos/{owner}/{repo}/issues/comments", "issues/comments#list-issue-comments-for-a-repository", needs=_READ
)
def list_all_comments(call: Call) -> list[Json]:
    found = [each for issue in call.repository.issues.values() for each in issue.comments.values()]
    return [comment(call.scope, each) for each in call.page(_since(call, sorted(found, key=lambda each: each.id)))]


def _since(call: Call, found: list[Comment]) -> list[Comment]:
    since = call.asked("since")
    return [each for each in found if each.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ") >= since]


@routes(
    "GET /repos/{owner}/{repo}/issues/comments/{comment_id:id}", "issues/comments#get-an-issue-comment", needs=_READ
)
def get_comment(call: Call) -> Json:
    return comment(call.scope, call.comment)


@routes(
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id:id}",
    "issues/comments#update-an-issue-comment",
    needs=_WRITE,
)
def update_comment(call: Call) -> Json:
    found = call.comment
    _need_author_or_writer(call, found)
    act.edit_comment(call.github, found, call.body.get("body"), call.account)
    return comment(call.scope, found)


@routes(
    "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id:id}",
    "issues/comments#delete-an-issue-comment",
    status=204,
    needs=_WRITE,
)
def delete_comment(call: Call) -> None:
    found = call.comment
    _need_author_or_writer(call, found)
    act.delete_comment(call.github, found, call.account)


def _need_author_or_writer(call: Call, found: Comment) -> None:
    """An App that may write comments may edit people's, too. Raises ApiError (403)."""
    if found.author is call.account or call.actor.installation is not None:
        return
    if call.github.role(call.account, call.repository) not in ("write", "maintain", "admin"):
        raise ApiError(403, "Must have admin rights to Repository.")


@routes("GET /repos/{owner}/{repo}/issues", "issues/issues#list-repository-issues", needs=_READ)
def list_issues(call: Call) -> list[Json]:
    state = call.asked("state", "open")
    chosen = [each for each in call.repository.issues.values() if state in ("all", each.state)]
    return [issue(call.scope, each) for each in call.page(sorted(chosen, key=lambda each: -each.number))]


@routes("POST /repos/{owner}/{repo}/issues", "issues/issues#create-an-issue", status=201, needs=("issues:write",))
def create_issue(call: Call) -> Json:
    made = act.open_issue(call.github, call.repository, call.need("title"), call.text("body"), call.account)
    return issue(call.scope, made)


@routes("GET /repos/{owner}/{repo}/issues/{number:id}", "issues/issues#get-an-issue", needs=_READ)
def get_issue(call: Call) -> Json:
    return issue(call.scope, call.issue)


@routes("PATCH /repos/{owner}/{repo}/issues/{number:id}", "issues/issues#update-an-issue", needs=_WRITE, role="triage")
def update_issue(call: Call) -> Json:
    found, state = call.issue, call.text("state")
    if isinstance(found, PullRequest):
        pulls.edit(call.github, found, call.account, call.text("title"), call.text("body"), None)
        if state in ("open", "closed"):
            (pulls.close if state == "closed" else pulls.reopen)(call.github, found, call.account)
    else:
        found.title, found.body = call.text("title") or found.title, call.text("body") or found.body
        found.state = "closed" if state == "closed" else "open" if state == "open" else found.state
        found.closed_at = call.github.now() if found.state == "closed" else None
    return issue(call.scope, found)


@routes("GET /repos/{owner}/{repo}/issues/{number:id}/comments", "issues/comments#list-issue-comments", needs=_READ)
def list_comments(call: Call) -> list[Json]:
    """Oldest first."""
    return [comment(call.scope, each) for each in call.page(_since(call, list(call.issue.comments.values())))]


@routes(
    "POST /repos/{owner}/{repo}/issues/{number:id}/comments",
    "issues/comments#create-an-issue-comment",
    status=201,
    needs=_WRITE,
)
def create_comment(call: Call) -> Json:
    return comment(call.scope, act.comment(call.github, call.issue, call.body.get("body"), call.signed_in))


@routes("GET /repos/{owner}/{repo}/issues/{number:id}/labels", "issues/labels#list-labels-for-an-issue", needs=_READ)
def list_labels(call: Call) -> list[Json]:
    return [label(call.scope, call.repository, each) for each in call.page(call.issue.labels)]


def _all_labels(call: Call) -> list[Json]:
    return [label(call.scope, call.repository, each) for each in call.issue.labels]


def _wanted(call: Call) -> list[object]:
    names = call.body.get("labels", [])
    if not isinstance(names, list):
        raise ApiError(422, "Invalid request.\n\nFor 'properties/labels', it is not an array.")
    return [name.get("name") if isinstance(name, dict) else name for name in names]


@routes(
    "POST /repos/{owner}/{repo}/issues/{number:id}/labels",
    "issues/labels#add-labels-to-an-issue",
    needs=_WRITE,
    role="triage",
)
def add_labels(call: Call) -> list[Json]:
    return _with_labels(call)


def _with_labels(call: Call) -> list[Json]:
    for name in _wanted(call):
        act.add_label(call.github, call.issue, name, call.account)
    return _all_labels(call)


@routes(
    "PUT /repos/{owner}/{repo}/issues/{number:id}/labels",
    "issues/labels#set-labels-for-an-issue",
    needs=_WRITE,
    role="triage",
)
def set_labels(call: Call) -> list[Json]:
    wanted = _wanted(call)
    for name in [each.name for each in call.issue.labels if each.name not in wanted]:
        act.remove_label(call.github, call.issue, name, call.account)
    return _with_labels(call)


@routes(
    "DELETE /repos/{owner}/{repo}/issues/{number:id}/labels",
    "issues/labels#remove-all-labels-from-an-issue",
    status=204,
    needs=_WRITE,
    role="triage",
)
def remove_labels(call: Call) -> None:
    for name in [each.name for each in call.issue.labels]:
        act.remove_label(call.github, call.issue, name, call.account)


@routes(
    "DELETE /repos/{owner}/{repo}/issues/{number:id}/labels/{name:path}",
    "issues/labels#remove-a-label-from-an-issue",
    needs=_WRITE,
    role="triage",
)
def remove_label(call: Call) -> list[Json]:
    act.remove_label(call.github, call.issue, call.params["name"], call.account)
    return _all_labels(call)


@routes("GET /repos/{owner}/{repo}/labels", "issues/labels#list-labels-for-a-repository", needs=_READ)
def list_repository_labels(call: Call) -> list[Json]:
    return [label(call.scope, call.repository, each) for each in call.page(list(call.repository.labels.values()))]


@routes("POST /repos/{owner}/{repo}/labels", "issues/labels#create-a-label", status=201, needs=_WRITE, role="write")
def create_label(call: Call) -> Json:
    name = call.need("name")
    if name.lower() in call.repository.labels:
        raise ApiError(422, "Validation Failed", [{"resource": "Label", "code": "already_exists", "field": "name"}])
    return label(
        call.scope, call.repository, act.label(call.github, call.repository, name, call.text("color") or "ededed")
    )
