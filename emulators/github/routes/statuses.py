"""Commit statuses and commits: https://docs.github.com/en/rest/commits."""

from emulators.github import issues as act
from emulators.github.calls import Call, Routes
from emulators.github.errors import ApiError
from emulators.github.model import Json, Status
from emulators.github.views.commits import combined_status, commit, newest_statuses, status
from emulators.github.views.pulls import pull_request_simple

routes = Routes()
_READ, _WRITE = ("statuses:read",), ("statuses:write",)


def sha_of(call: Call) -> str:
    """The commit that `{ref}` names. Raises ApiError (422)."""
    ref = call.params["ref"]
    sha = call.github.git(call.repository).resolve(ref)
    if sha is None:
        raise ApiError(422, f"No commit found for SHA: {ref}")
    return sha


@routes(
    "POST /repos/{owner}/{repo}/statuses/{ref}",
    "commits/statuses#create-a-commit-status",
    status=201,
    needs=_WRITE,
    role="write",
)
def create_status(call: Call) -> Json:
    made = act.put_status(call.github, call.repository, call.params["ref"], call.body, call.account)
    shown = status(call.scope, call.repository, made)
    call.answer_headers["Location"] = shown["url"]
    return shown


def _of(call: Call) -> list[Status]:
    """Newest first."""
    sha = sha_of(call)
    return [each for each in reversed(call.repository.statuses) if each.sha == sha]


@routes(
    "GET /repos/{owner}/{repo}/statuses/{ref:path}",
    "commits/statuses#list-commit-statuses-for-a-reference",
    needs=_READ,
)
@routes(
    "GET /repos/{owner}/{repo}/commits/{ref:path}/statuses",
    "commits/statuses#list-commit-statuses-for-a-reference",
    needs=_READ,
)
def list_statuses(call: Call) -> list[Json]:
    return [status(call.scope, call.repository, each) for each in call.page(_of(call))]


@routes(
    "GET /repos/{owner}/{repo}/commits/{ref:path}/status",
    "commits/statuses#get-the-combined-status-for-a-specific-reference",
    needs=_READ,
)
def get_combined_status(call: Call) -> Json:
    sha = sha_of(call)
    newest = newest_statuses(call.repository, sha)
    return combined_status(call.scope, call.repository, sha, call.page(newest), len(newest))


@routes(
    "GET /repos/{owner}/{repo}/commits/{ref}/pulls",
    "commits/commits#list-pull-requests-associated-with-a-commit",
    needs=("pull_requests:read",),
)
def list_pulls_of_commit(call: Call) -> list[Json]:
    sha, git = sha_of(call), call.github.git(call.repository)
    found = [
        pull
        for pull in call.repository.pulls
        if git.is_ancestor(sha, pull.head_sha) and not git.is_ancestor(sha, pull.base_sha)
    ]
    return [pull_request_simple(call.scope, pull) for pull in call.page(found)]


@routes("GET /repos/{owner}/{repo}/commits", "commits/commits#list-commits", needs=("contents:read",))
def list_commits(call: Call) -> list[Json]:
    git = call.github.git(call.repository)
    start = git.resolve(call.asked("sha") or call.repository.default_branch)
    if start is None:
        raise ApiError(409, "Git Repository is empty.") if not call.repository.refs else ApiError(404, "Not Found")
    newest_first = git.commits(start, most=10_000)[::-1]
    return [commit(call.scope, call.repository, sha) for sha in call.page(newest_first)]
