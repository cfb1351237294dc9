"""Commits, branches, statuses, files."""

import base64

from emulators.github.diff import changes
from emulators.github.git import CommitFacts, Entry
from emulators.github.model import Json, Repository, Status
from emulators.github.views.accounts import simple_user
from emulators.github.views.pulls import diff_entry
from emulators.github.views.repositories import minimal_repository
from emulators.github.views.scope import Scope, node_id, time

_UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}
_STATES = ("failure", "error", "pending", "success")
MOST_INLINE = 1_000_000
"""Bytes of a file whose content is told; a larger one's encoding is `none`."""


def commit(scope: Scope, repository: Repository, sha: str, whole: bool = False) -> Json:
    """`whole`: with its files, as when it is asked for alone."""
    facts = scope.github.git(repository).facts(sha)
    url, page = f"{scope.of(repository)}/commits/{facts.sha}", f"{scope.page_of(repository)}/commit/{facts.sha}"
    shown: Json = {"url": url, "sha": facts.sha, "node_id": node_id("Commit", facts.sha), "html_url": page}
    shown |= {"comments_url": f"{url}/comments", "commit": _git_commit(scope, repository, facts, url)}
    shown |= {"author": _user(scope, facts.author[0]), "committer": _user(scope, facts.committer[0])}
    shown |= {"parents": [_parent(scope, repository, parent) for parent in facts.parents]}
    return shown | (_files(scope, repository, facts) if whole else {})


def simple_commit(scope: Scope, repository: Repository, sha: str) -> Json:
    """As a check suite names its head."""
    facts = scope.github.git(repository).facts(sha)
    people = {"author": _signature(facts.author)} | {"committer": _signature(facts.committer)}
    named = {role: {key: person[key] for key in ("name", "email")} for role, person in people.items()}
    return {"id": facts.sha, "tree_id": facts.tree, "message": facts.message, "timestamp": facts.committer[2]} | named


def file_commit(scope: Scope, repository: Repository, sha: str) -> Json:
    """As the answer to writing a file has it: flat, and without a count of comments."""
    shown = commit(scope, repository, sha)
    inner = {key: value for key, value in shown["commit"].items() if key != "comment_count"}
    return inner | {key: shown[key] for key in ("sha", "node_id", "html_url", "parents")}


def _git_commit(scope: Scope, repository: Repository, facts: CommitFacts, url: str) -> Json:
    people = {"author": _signature(facts.author), "committer": _signature(facts.committer)}
    tree = {"sha": facts.tree, "url": f"{scope.of(repository)}/git/trees/{facts.tree}"}
    rest = {"message": facts.message, "tree": tree, "url": url.replace("/commits/", "/git/commits/")}
    return people | rest | {"comment_count": 0, "verification": _UNSIGNED}


def _signature(person: tuple[str, str, str]) -> Json:
    return {"name": person[0], "email": person[1], "date": person[2]}


def _user(scope: Scope, name: str) -> Json | None:
    """GitHub knows people by their e-mail addresses; ours have their login as name."""
    account = scope.github.accounts.get(name.lower())
    return None if account is None else simple_user(scope, account)


def _parent(scope: Scope, repository: Repository, sha: str) -> Json:
    page = f"{scope.page_of(repository)}/commit/{sha}"
    return {"sha": sha, "url": f"{scope.of(repository)}/commits/{sha}", "html_url": page}


def _files(scope: Scope, repository: Repository, facts: CommitFacts) -> Json:
    parent = facts.parents[0] if facts.parents else None
    files = [
        diff_entry(scope, repository, facts.sha, change)
        for change in changes(scope.github.git(repository), parent, facts.sha)
    ]
    added, removed = (sum(entry[sign] for entry in files) for sign in ("additions", "deletions"))
    return {"files": files, "stats": {"total": added + removed, "additions": added, "deletions": removed}}


def short_branch(scope: Scope, repository: Repository, name: str) -> Json:
    url = f"{scope.of(repository)}/branches/{name}"
    sha = repository.refs[f"refs/heads/{name}"]
    at = {"sha": sha, "url": f"{scope.of(repository)}/commits/{sha}"}
    return {"name": name, "commit": at, "protected": False, "protection_url": f"{url}/protection"}


def branch(scope: Scope, repository: Repository, name: str) -> Json:
    url, page = f"{scope.of(repository)}/branches/{name}", f"{scope.page_of(repository)}/tree/{name}"
    at = commit(scope, repository, repository.refs[f"refs/heads/{name}"])
    checks = {"enforcement_level": "off", "contexts": [], "checks": []}
    protection = {"enabled": False, "required_status_checks": checks}
    shown = {"name": name, "commit": at, "_links": {"self": url, "html": page}, "protected": False}
    return shown | {"protection": protection, "protection_url": f"{url}/protection"}


def git_ref(scope: Scope, repository: Repository, ref: str, sha: str) -> Json:
    url = f"{scope.of(repository)}/git"
    target = {"sha": sha, "type": "commit", "url": f"{url}/commits/{sha}"}
    return {"ref": ref, "node_id": node_id("Ref", ref), "url": f"{url}/{ref}", "object": target}


def simple_status(scope: Scope, repository: Repository, found: Status) -> Json:
    at = time(found.created_at)
    ids = {
        "url": f"{scope.of(repository)}/statuses/{found.sha}",
        "id": found.id,
        "node_id": node_id("Status", found.id),
    }
    texts = {"state": found.state, "description": found.description, "target_url": found.target_url}
    avatar = f"{scope.html}/avatars/u/{found.creator.id}?v=4"
    return ids | texts | {"avatar_url": avatar, "context": found.context, "created_at": at, "updated_at": at}


def status(scope: Scope, repository: Repository, found: Status) -> Json:
    return simple_status(scope, repository, found) | {"creator": simple_user(scope, found.creator)}


def combined_status(scope: Scope, repository: Repository, sha: str, newest: list[Status], total: int) -> Json:
    """`newest`: one page of the newest status of each context; `state` is of all of them."""
    states = {each.state for each in _newest(repository, sha)}
    worst = next((state for state in _STATES if state in states), "pending")
    url = f"{scope.of(repository)}/commits/{sha}"
    shown = {"state": "failure" if worst == "error" else worst, "sha": sha, "total_count": total}
    shown |= {"statuses": [simple_status(scope, repository, each) for each in newest]}
    return shown | {"repository": minimal_repository(scope, repository), "commit_url": url, "url": f"{url}/status"}


def _newest(repository: Repository, sha: str) -> list[Status]:
    return list({each.context: each for each in repository.statuses if each.sha == sha}.values())


def newest_statuses(repository: Repository, sha: str) -> list[Status]:
    return _newest(repository, sha)


def content(scope: Scope, repository: Repository, entry: Entry, ref: str) -> Json:
    """As in a folder's list: without what is in it."""
    base, page = scope.of(repository), scope.page_of(repository)
    kind = {"tree": "dir", "commit": "submodule", "blob": "symlink" if entry.mode == "120000" else "file"}[entry.type]
    url = f"{base}/contents/{entry.path}?ref={ref}"
    git_url = f"{base}/git/{'trees' if kind == 'dir' else 'blobs'}/{entry.sha}"
    html_url = f"{page}/{'tree' if kind == 'dir' else 'blob'}/{ref}/{entry.path}"
    raw = f"{page}/raw/{ref}/{entry.path}" if kind in ("file", "symlink") else None
    facts = {"name": entry.path.rpartition("/")[2], "path": entry.path, "sha": entry.sha, "size": entry.size}
    facts |= {"url": url, "html_url": html_url, "git_url": git_url, "download_url": raw, "type": kind}
    return facts | {"_links": {"self": url, "git": git_url, "html": html_url}}


def file_content(scope: Scope, repository: Repository, entry: Entry, ref: str, data: bytes) -> Json:
    large = len(data) > MOST_INLINE
    shown = content(scope, repository, entry, ref)
    if shown["type"] == "symlink":
        shown["target"] = data.decode(errors="replace")
    return shown | {"content": "" if large else base64_lines(data), "encoding": "none" if large else "base64"}


def base64_lines(data: bytes) -> str:
    """In lines of sixty characters, each with its end."""
    text = base64.b64encode(data).decode()
    return "".join(f"{text[at : at + 60]}\n" for at in range(0, len(text), 60))
