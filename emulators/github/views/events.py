"""What a webhook's payload has beside action, repository, organisation and sender."""

from collections.abc import Callable
from typing import Any

from emulators.github.diff import changes as file_changes
from emulators.github.git import ZERO, Git
from emulators.github.model import Json, Repository
from emulators.github.views.accounts import simple_user
from emulators.github.views.apps import installation as installation_view
from emulators.github.views.checks import check_run, check_suite
from emulators.github.views.issues import comment, issue, label
from emulators.github.views.pulls import pull_request
from emulators.github.views.repositories import repository
from emulators.github.views.scope import Scope, node_id

Records = dict[str, Any]
MOST_COMMITS = 2048
"""Of one push; GitHub tells no more."""


def fields(scope: Scope, event: str, action: str | None, records: Records) -> Json:
    return _EVENTS[event](scope, action, records)


def _pull_request(scope: Scope, action: str | None, records: Records) -> Json:
    pull = records["pull"]
    told: Json = {"number": pull.number, "pull_request": pull_request(scope, pull)}
    told |= {name: records[name] for name in ("before", "after", "changes") if name in records}
    return told | ({"label": label(scope, pull.repository, records["label"])} if "label" in records else {})


def _issue_comment(scope: Scope, action: str | None, records: Records) -> Json:
    told: Json = {"issue": issue(scope, records["issue"]), "comment": comment(scope, records["comment"])}
    return told | ({"changes": records["changes"]} if "changes" in records else {})


def _ref(scope: Scope, action: str | None, records: Records) -> Json:
    _, kind, name = records["ref"].split("/", 2)
    return {"ref": name, "ref_type": "branch" if kind == "heads" else "tag", "pusher_type": "user"}


def _create(scope: Scope, action: str | None, records: Records) -> Json:
    found: Repository = records["repository"]
    told = {"master_branch": found.default_branch, "description": found.description}
    return _ref(scope, action, records) | told


def _push(scope: Scope, action: str | None, records: Records) -> Json:
    found, before, after = records["repository"], records["before"], records["after"]
    git = scope.github.git(found)
    commits = [_commit(scope, git, found, sha) for sha in _new_commits(git, found, before, after)]
    head = None if after == ZERO else _commit(scope, git, found, after)
    moved = before != ZERO and after != ZERO
    name = records["sender"].login
    return {
        "ref": records["ref"],
        "before": before,
        "after": after,
        "created": before == ZERO,
        "deleted": after == ZERO,
        "forced": moved and not git.is_ancestor(before, after),
        "base_ref": None,
        "compare": f"{scope.page_of(found)}/compare/{before[:12]}...{after[:12]}",
        "commits": commits,
        "head_commit": head,
        "pusher": {"name": name, "email": f"{name}@users.noreply.github.com"},
        "repository": _pushed(scope, found),
    }


def _new_commits(git: Git, found: Repository, before: str, after: str) -> list[str]:
    """Oldest first; of a new branch, what the default branch has not."""
    if after == ZERO:
        return []
    default = found.refs.get(f"refs/heads/{found.default_branch}")
    start = before if before != ZERO else default
    return git.commits(after if start in (None, after) else f"{start}..{after}", MOST_COMMITS)


def _pushed(scope: Scope, found: Repository) -> Json:
    """In a push, and only there, two times of the repository are seconds since 1970."""
    times = {"created_at": int(found.created_at.timestamp()), "pushed_at": int(found.pushed_at.timestamp())}
    return repository(scope, found) | times | {"stargazers": 0, "master_branch": found.default_branch}


def _commit(scope: Scope, git: Git, found: Repository, sha: str) -> Json:
    facts = git.facts(sha)
    files = file_changes(git, facts.parents[0] if facts.parents else None, sha)
    paths = {
        status: [each.path for each in files if each.status == status] for status in ("added", "removed", "modified")
    }
    author, committer = (
        {"name": person[0], "email": person[1], "username": person[0]} for person in (facts.author, facts.committer)
    )
    told = {"id": sha, "tree_id": facts.tree, "distinct": True, "message": facts.message}
    told |= {"timestamp": facts.committer[2], "url": f"{scope.page_of(found)}/commit/{sha}"}
    return told | {"author": author, "committer": committer} | paths


def _repository(scope: Scope, action: str | None, records: Records) -> Json:
    if "transferred_from" in records:
        before = records["transferred_from"]
        kind = "organization" if before.type == "Organization" else "user"
        return {"changes": {"owner": {"from": {kind: simple_user(scope, before)}}}}
    return {"changes": records["changes"]} if "changes" in records else {}


def _installation(scope: Scope, action: str | None, records: Records) -> Json:
    told: Json = {"installation": installation_view(scope, records["installation"])}
    return told | {"repositories": _named(records["repositories"])}


def _installation_repositories(scope: Scope, action: str | None, records: Records) -> Json:
    found, changed = records["installation"], _named(records["changed"])
    told = {"installation": installation_view(scope, found), "repository_selection": found.repository_selection}
    told |= {"repositories_added": changed if action == "added" else []}
    return told | {"repositories_removed": changed if action == "removed" else [], "requester": None}


def _named(repositories: list[Repository]) -> list[Json]:
    return [
        {
            "id": each.id,
            "node_id": node_id("Repository", each.id),
            "name": each.name,
            "full_name": each.full_name,
            "private": each.private,
        }
        for each in repositories
    ]


def _check_run(scope: Scope, action: str | None, records: Records) -> Json:
    told = {"check_run": check_run(scope, records["run"])}
    return told | {name: records[name] for name in ("requested_action",) if name in records}


def _check_suite(scope: Scope, action: str | None, records: Records) -> Json:
    return {"check_suite": check_suite(scope, records["suite"])}


_EVENTS: dict[str, Callable[[Scope, str | None, Records], Json]] = {
    "pull_request": _pull_request,
    "issue_comment": _issue_comment,
    "create": _create,
    "delete": _ref,
    "push": _push,
    "repository": _repository,
    "check_run": _check_run,
    "check_suite": _check_suite,
    "installation": _installation,
    "installation_repositories": _installation_repositories,
}
