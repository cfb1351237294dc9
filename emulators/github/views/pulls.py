"""Pull requests: as in lists, and alone (with counts and whether they can be merged)."""

from emulators.github.diff import FileChange, changes
from emulators.github.model import Json, PullRequest, Repository
from emulators.github.views.accounts import simple_user
from emulators.github.views.issues import common
from emulators.github.views.repositories import repository
from emulators.github.views.scope import Scope, node_id, time_or_none


def pull_request_simple(scope: Scope, pull: PullRequest) -> Json:
    facts = {
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "merged_at": time_or_none(pull.merged_at),
        "merge_commit_sha": pull.merge_commit_sha,
        "requested_reviewers": [],
        "requested_teams": [],
        "draft": pull.draft,
        "auto_merge": None,
        "head": _side(scope, pull.head_repository, pull, pull.head_ref, pull.head_sha),
        "base": _side(scope, pull.repository, pull, pull.base_ref, pull.base_sha),
    }
    return _urls(scope, pull) | common(scope, pull) | facts


def pull_request(scope: Scope, pull: PullRequest) -> Json:
    git = scope.github.git(pull.repository)
    files = changes(git, pull.base_sha, pull.head_sha)
    can = pull.mergeable if pull.state == "open" else None
    states = {None: "unknown", True: "clean", False: "dirty"}
    merging: Json = {"merged": pull.merged_at is not None, "mergeable": can, "rebaseable": can}
    merging |= {"mergeable_state": "draft" if pull.draft and can else states[can]}
    merging |= {"merged_by": None if pull.merged_by is None else simple_user(scope, pull.merged_by)}
    counts = {"comments": len(pull.comments), "review_comments": 0, "changed_files": len(files)}
    counts |= {"commits": git.count(f"{pull.base_sha}..{pull.head_sha}")}
    counts |= {"additions": sum(each.additions for each in files), "deletions": sum(each.deletions for each in files)}
    return pull_request_simple(scope, pull) | merging | counts | {"maintainer_can_modify": pull.maintainer_can_modify}


def _urls(scope: Scope, pull: PullRequest) -> Json:
    base, page = scope.of(pull.repository), f"{scope.page_of(pull.repository)}/pull/{pull.number}"
    url, issue = f"{base}/pulls/{pull.number}", f"{base}/issues/{pull.number}"
    links = {
        "self": url,
        "html": page,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": f"{base}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": f"{base}/statuses/{pull.head_sha}",
    }
    fields = {f"{name}_url": href for name, href in links.items() if name != "self"}
    fields |= {"url": url, "diff_url": f"{page}.diff", "patch_url": f"{page}.patch"}
    return fields | {"_links": {name: {"href": href} for name, href in links.items()}}


def _side(scope: Scope, found: Repository | None, pull: PullRequest, ref: str, sha: str) -> Json:
    owner = found.owner if found is not None else pull.head_owner
    assert owner is not None
    user, shown = simple_user(scope, owner), None if found is None else repository(scope, found)
    return {"label": f"{owner.login}:{ref}", "ref": ref, "sha": sha, "user": user, "repo": shown}


def diff_entry(scope: Scope, found: Repository, sha: str, change: FileChange) -> Json:
    page, path = scope.page_of(found), change.path
    entry = {
        "sha": change.sha,
        "filename": path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{page}/blob/{sha}/{path}",
        "raw_url": f"{page}/raw/{sha}/{path}",
        "contents_url": f"{scope.of(found)}/contents/{path}?ref={sha}",
    }
    entry |= {} if change.patch is None else {"patch": change.patch}
    return entry | ({} if change.previous is None else {"previous_filename": change.previous})
