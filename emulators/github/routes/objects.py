"""What is in git, by its own names, and what differs: https://docs.github.com/en/rest/git."""

from emulators.github.calls import Call, Routes
from emulators.github.diff import changes
from emulators.github.errors import ApiError, not_found
from emulators.github.git import Entry
from emulators.github.model import Account, Json
from emulators.github.views.commits import base64_lines, commit
from emulators.github.views.pulls import diff_entry
from emulators.github.views.scope import node_id

routes = Routes()
_READ = ("contents:read",)
MOST_ENTRIES = 100_000
"""Of a recursive tree; a larger one is told as truncated."""
MOST_COMMITS = 250
"""Of a comparison."""


@routes("GET /repos/{owner}/{repo}/git/trees/{ref:path}", "git/trees#get-a-tree", needs=_READ)
def get_tree(call: Call) -> Json:
    """Of a tree's or a commit's SHA, or a branch; with `recursive`, whatever its value, also what is in its folders."""
    git, ref = call.github.git(call.repository), call.params["ref"]
    sha = git.tree_sha(ref)
    if sha is None:
        raise not_found()
    entries = git.whole_tree(sha) if call.asked("recursive", "no") != "no" else git.tree(sha, "") or []
    url = f"{call.scope.of(call.repository)}/git/trees/{sha}"
    shown = [_entry(call, each) for each in entries[:MOST_ENTRIES]]
    return {"sha": sha, "url": url, "tree": shown, "truncated": len(entries) > MOST_ENTRIES}


def _entry(call: Call, entry: Entry) -> Json:
    told: Json = {"path": entry.path, "mode": entry.mode, "type": entry.type, "sha": entry.sha}
    if entry.type == "commit":
        return told
    kind = "trees" if entry.type == "tree" else "blobs"
    size = {"size": entry.size} if entry.type == "blob" else {}
    return told | size | {"url": f"{call.scope.of(call.repository)}/git/{kind}/{entry.sha}"}


@routes("GET /repos/{owner}/{repo}/git/blobs/{sha}", "git/blobs#get-a-blob", needs=_READ)
def get_blob(call: Call) -> Json:
    sha = call.params["sha"]
    data = call.github.git(call.repository).blob_or_none(sha)
    if data is None:
        raise not_found()
    url = f"{call.scope.of(call.repository)}/git/blobs/{sha}"
    told = {"sha": sha, "node_id": node_id("Blob", sha), "size": len(data), "url": url}
    return told | {"content": base64_lines(data), "encoding": "base64"}


@routes("GET /repos/{owner}/{repo}/compare/{basehead:path}", "commits/commits#compare-two-commits", needs=_READ)
def compare(call: Call) -> Json:
    """`base...head`: what head has since both parted."""
    git, repository = call.github.git(call.repository), call.repository
    names = call.params["basehead"].split("...")
    base, head = (git.resolve(name) for name in names) if len(names) == 2 else (None, None)
    if base is None or head is None:
        raise not_found()
    common = git.says("merge-base", base, head)
    if common is None:
        raise ApiError(404, "No common ancestor between the two commits.")
    ahead, behind = git.count(f"{base}..{head}"), git.count(f"{head}..{base}")
    shas = git.commits(f"{base}..{head}", MOST_COMMITS)
    page = f"{call.scope.page_of(repository)}/compare/{call.params['basehead']}"
    told = {"url": f"{call.scope.of(repository)}/compare/{call.params['basehead']}", "html_url": page}
    told |= {"permalink_url": page, "diff_url": f"{page}.diff", "patch_url": f"{page}.patch"}
    commits = {"base_commit": base, "merge_base_commit": common}
    shown: Json = {name: commit(call.scope, repository, sha) for name, sha in commits.items()}
    shown |= {"status": _status(ahead, behind), "ahead_by": ahead, "behind_by": behind, "total_commits": ahead}
    shown |= {"commits": [commit(call.scope, repository, sha) for sha in call.page(shas)]}
    return (
        told
        | shown
        | {"files": [diff_entry(call.scope, repository, head, each) for each in changes(git, base, head)[:300]]}
    )


def _status(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    return "ahead" if ahead else "behind" if behind else "identical"


@routes("GET /orgs/{org}/members/{username}", "orgs/members#check-organization-membership-for-a-user", status=204)
def check_membership(call: Call) -> None:
    """For members; others are led to public members, of which we have none."""
    organization, account = call.github.account(call.params["org"]), call.github.account(call.params["username"])
    caller = call.actor.account or _nobody()
    asked = call.actor.installation is not None or caller.id in organization.members
    if not asked or account.id not in organization.members:
        raise ApiError(404, "User does not exist or is not a member of the organization")


def _nobody() -> Account:
    raise ApiError(401, "Requires authentication")
