"""Pull requests: https://docs.github.com/en/rest/pulls/pulls."""

from emulators.github import pulls as act
from emulators.github.calls import Call, Routes
from emulators.github.diff import changes
from emulators.github.errors import ApiError, not_found
from emulators.github.model import Json, PullRequest
from emulators.github.operations import observe_push
from emulators.github.views.commits import commit
from emulators.github.views.pulls import diff_entry, pull_request, pull_request_simple

routes = Routes()
_READ, _WRITE = ("pull_requests:read",), ("pull_requests:write",)
MOST_FILES = 3000


@routes("GET /repos/{owner}/{repo}/pulls", "pulls/pulls#list-pull-requests", needs=_READ)
def list_pulls(call: Call) -> list[Json]:
    """Newest first, unless `sort` and `direction` say otherwise."""
    sort = call.asked("sort", "created")
    downwards = call.asked("direction", "desc" if sort == "created" else "asc") == "desc"
    chosen = sorted((pull for pull in call.repository.pulls if _is_asked(call, pull)), key=lambda pull: pull.number)
    if sort == "updated":
        chosen.sort(key=lambda pull: pull.updated_at)
    return [pull_request_simple(call.scope, pull) for pull in call.page(chosen[::-1] if downwards else chosen)]


def _is_asked(call: Call, pull: PullRequest) -> bool:
    state, head, base = call.asked("state", "open"), call.asked("head"), call.asked("base")
    owner = pull.head_owner.login if pull.head_owner else ""
    # Without an owner GitHub takes no notice of `head`.
    other_head = ":" in head and head.lower() != f"{owner}:{pull.head_ref}".lower()
    return state in ("all", pull.state) and not other_head and base in ("", pull.base_ref)


@routes("POST /repos/{owner}/{repo}/pulls", "pulls/pulls#create-a-pull-request", status=201, needs=_WRITE)
def create_pull(call: Call) -> Json:
    wanted = act.Wanted(
        call.need("title"), call.need("head"), call.need("base"), call.text("body"), bool(call.body.get("draft"))
    )
    pull = act.open_pull_request(call.github, call.repository, wanted, call.account)
    pull.maintainer_can_modify = bool(
        call.body.get("maintainer_can_modify", pull.head_repository is not call.repository)
    )
    return pull_request(call.scope, pull)


@routes("GET /repos/{owner}/{repo}/pulls/{number:id}", "pulls/pulls#get-a-pull-request", needs=_READ)
def get_pull(call: Call) -> Json:
    return pull_request(call.scope, call.pull)


@routes("PATCH /repos/{owner}/{repo}/pulls/{number:id}", "pulls/pulls#update-a-pull-request", needs=_WRITE)
def update_pull(call: Call) -> Json:
    pull, state = call.pull, call.text("state")
    _need_author_or_writer(call)
    if state not in (None, "open", "closed"):
        raise ApiError(422, 'Invalid request.\n\nFor \'properties/state\', it is not a member of ["open", "closed"].')
    act.edit(call.github, pull, call.account, call.text("title"), call.text("body"), call.text("base"))
    if state is not None:
        (act.close if state == "closed" else act.reopen)(call.github, pull, call.account)
    return pull_request(call.scope, pull)


def _need_author_or_writer(call: Call) -> None:
    """Raises ApiError (403)."""
    may = call.pull.author is call.account or call.actor.installation is not None
    if not may and call.github.role(call.account, call.repository) not in ("triage", "write", "maintain", "admin"):
        raise ApiError(403, "Must have admin rights to Repository.")


@routes("GET /repos/{owner}/{repo}/pulls/{number:id}/files", "pulls/pulls#list-pull-requests-files", needs=_READ)
def list_files(call: Call) -> list[Json]:
    pull = call.pull
    files = changes(call.github.git(pull.repository), pull.base_sha, pull.head_sha)[:MOST_FILES]
    return [diff_entry(call.scope, pull.repository, pull.head_sha, change) for change in call.page(files)]


@routes(
    "GET /repos/{owner}/{repo}/pulls/{number:id}/commits", "pulls/pulls#list-commits-on-a-pull-request", needs=_READ
)
def list_commits(call: Call) -> list[Json]:
    pull = call.pull
    shas = call.github.git(pull.repository).commits(f"{pull.base_sha}..{pull.head_sha}")
    return [commit(call.scope, pull.repository, sha) for sha in call.page(shas)]


@routes(
    "GET /repos/{owner}/{repo}/pulls/{number:id}/merge",
    "pulls/pulls#check-if-a-pull-request-has-been-merged",
    status=204,
    needs=_READ,
)
def is_merged(call: Call) -> None:
    if call.pull.merged_at is None:
        raise not_found()


@routes(
    "PUT /repos/{owner}/{repo}/pulls/{number:id}/merge",
    "pulls/pulls#merge-a-pull-request",
    needs=("contents:write",),
    role="write",
)
def merge_pull(call: Call) -> Json:
    sha = act.merge(call.github, call.pull, call.account, call.text("sha"))
    observe_push(call.github, call.repository, call.account)
    return {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}
