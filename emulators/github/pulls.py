"""Pull requests: what people and API do to them, and what a push does to them."""

from datetime import datetime
from typing import NamedTuple

from emulators.github.errors import ApiError, custom, invalid
from emulators.github.git import ZERO
from emulators.github.model import Account, PullRequest, Repository
from emulators.github.state import GitHub


class Wanted(NamedTuple):
    """A pull request that somebody wants to open."""

    title: str
    head: str
    """`branch`, or `owner:branch` of a fork."""
    base: str
    body: str | None = None
    draft: bool = False
    head_repository: Repository | None = None
    """Instead of the fork that `head` names."""


def open_pull_request(github: GitHub, base: Repository, wanted: Wanted, by: Account) -> PullRequest:
    """Raises ApiError (422) where GitHub does."""
    head, branch = _head_of(github, base, wanted)
    if f"refs/heads/{wanted.base}" not in base.refs:
        raise invalid("PullRequest", "base")
    if head is None or f"refs/heads/{branch}" not in head.refs:
        raise invalid("PullRequest", "head")
    _refuse_second(base, head, branch, wanted.base)
    pull = _add(github, base, head, branch, wanted, by)
    _look_at_head(github, pull)
    if github.git(base).count(f"{pull.base_sha}..{pull.head_sha}") == 0:
        _undo(github, pull)
        raise custom("PullRequest", f"No commits between {wanted.base} and {wanted.head}")
    github.tell("pull_request", "opened", by, repository=base, pull=pull)
    return pull


def _head_of(github: GitHub, base: Repository, wanted: Wanted) -> tuple[Repository | None, str]:
    owner, _, branch = wanted.head.rpartition(":")
    if wanted.head_repository is not None:
        return wanted.head_repository, branch
    if not owner or owner.lower() == base.owner.login.lower():
        return base, branch
    network = [each for each in github.repositories.values() if each.parent is base or each is base.parent]
    return next((each for each in network if each.owner.login.lower() == owner.lower()), None), branch


def _refuse_second(base: Repository, head: Repository, branch: str, base_ref: str) -> None:
    for pull in base.pulls:
        same = (pull.head_repository, pull.head_ref, pull.base_ref) == (head, branch, base_ref)
        if pull.state == "open" and same:
            raise custom("PullRequest", f"A pull request already exists for {head.owner.login}:{branch}.")


def _add(github: GitHub, base: Repository, head: Repository, branch: str, wanted: Wanted, by: Account) -> PullRequest:
    number, now = base.next_number, github.now()
    base.next_number += 1
    pull = PullRequest(github.id("pull"), base, number, wanted.title, wanted.body, by, now, now)
    pull.issue_id, pull.head_repository, pull.head_owner = github.id("issue"), head, head.owner
    pull.head_ref, pull.base_ref, pull.draft = branch, wanted.base, wanted.draft
    base.issues[number] = pull
    return pull


def _undo(github: GitHub, pull: PullRequest) -> None:
    base = pull.repository
    del base.issues[pull.number]
    base.next_number -= 1
    github.git(base).set_ref(f"refs/pull/{pull.number}/head", None)


def _look_at_head(github: GitHub, pull: PullRequest) -> None:
    """Take the branches' tips as head and base, and keep refs/pull/N/head and the test merge."""
    base, head = pull.repository, pull.head_repository
    assert head is not None
    pull.head_sha, pull.base_sha = head.refs[f"refs/heads/{pull.head_ref}"], base.refs[f"refs/heads/{pull.base_ref}"]
    git, ref = github.git(base), f"refs/pull/{pull.number}/head"
    if head is base:
        git.set_ref(ref, pull.head_sha)
    else:
        git.fetch(head.folder, pull.head_sha, ref)
    try_merge(github, pull)


def try_merge(github: GitHub, pull: PullRequest) -> None:
    git = github.git(pull.repository)
    base = pull.repository.refs.get(f"refs/heads/{pull.base_ref}", pull.base_sha)
    tree = git.merge_tree(base, pull.head_sha)
    pull.mergeable = tree is not None
    pull.merge_commit_sha = None
    if tree is not None:
        message = f"Merge {pull.head_sha} into {base}"
        pull.merge_commit_sha = git.commit_tree(tree, [base, pull.head_sha], message, "web-flow")
        git.set_ref(f"refs/pull/{pull.number}/merge", pull.merge_commit_sha)


def close(github: GitHub, pull: PullRequest, by: Account) -> None:
    """Nothing happens to a closed one."""
    if pull.state == "open":
        _set_state(pull, "closed", github.now())
        github.tell("pull_request", "closed", by, repository=pull.repository, pull=pull)


def reopen(github: GitHub, pull: PullRequest, by: Account) -> None:
    """At the branch's tip of now. Raises ApiError (422) for a merged one, or when a branch is gone."""
    if pull.state == "open":
        return
    head = pull.head_repository
    if pull.merged_at is not None or head is None:
        raise custom("PullRequest", "state cannot be changed. The pull request cannot be reopened.")
    if f"refs/heads/{pull.head_ref}" not in head.refs:
        raise custom("PullRequest", f"state cannot be changed. The {pull.head_ref} branch has been deleted.")
    if f"refs/heads/{pull.base_ref}" not in pull.repository.refs:
        raise custom("PullRequest", f"state cannot be changed. The {pull.base_ref} branch has been deleted.")
    _refuse_second(pull.repository, head, pull.head_ref, pull.base_ref)
    _set_state(pull, "open", github.now())
    _look_at_head(github, pull)
    github.tell("pull_request", "reopened", by, repository=pull.repository, pull=pull)


def _set_state(pull: PullRequest, state: str, now: datetime) -> None:
    pull.state = "open" if state == "open" else "closed"
    pull.updated_at, pull.closed_at = now, None if state == "open" else now


def merge(github: GitHub, pull: PullRequest, by: Account, sha: str | None = None) -> str:
    """By a merge commit; its SHA. Raises ApiError (405, 409). The caller then observes the push to the base branch."""
    if sha is not None and sha != pull.head_sha:
        raise ApiError(409, "Head branch was modified. Review and try the merge again.")
    if pull.draft:
        raise ApiError(405, "Pull Request is still a draft")
    if pull.state == "closed":
        raise ApiError(405, "Pull Request is not mergeable")
    try_merge(github, pull)
    if pull.merge_commit_sha is None:
        raise ApiError(405, "Pull Request is not mergeable")
    github.git(pull.repository).set_ref(f"refs/heads/{pull.base_ref}", pull.merge_commit_sha)
    _set_merged(github, pull, by)
    return pull.merge_commit_sha


def _set_merged(github: GitHub, pull: PullRequest, by: Account) -> None:
    pull.merged_at, pull.merged_by = github.now(), by
    _set_state(pull, "closed", github.now())
    github.tell("pull_request", "closed", by, repository=pull.repository, pull=pull)


def edit(github: GitHub, pull: PullRequest, by: Account, title: str | None, body: str | None, base: str | None) -> None:
    """None leaves as it is. Raises ApiError (422)."""
    changes: dict[str, object] = {}
    if base is not None and base != pull.base_ref:
        if f"refs/heads/{base}" not in pull.repository.refs:
            raise invalid("PullRequest", "base")
        changes["base"] = {"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}}
        pull.base_ref, pull.base_sha = base, pull.repository.refs[f"refs/heads/{base}"]
        try_merge(github, pull)
    if title is not None and title != pull.title:
        changes["title"], pull.title = {"from": pull.title}, title
    if body is not None and body != pull.body:
        changes["body"], pull.body = {"from": pull.body or ""}, body
    if changes:
        pull.updated_at = github.now()
        github.tell("pull_request", "edited", by, repository=pull.repository, pull=pull, changes=changes)


def set_draft(github: GitHub, pull: PullRequest, draft: bool, by: Account) -> None:
    if pull.draft != draft:
        pull.draft, pull.updated_at = draft, github.now()
        action = "converted_to_draft" if draft else "ready_for_review"
        github.tell("pull_request", action, by, repository=pull.repository, pull=pull)


def after_push(github: GitHub, pushed: Repository, ref: str, old: str, new: str, by: Account) -> None:
    """Open pull requests follow their branches: a new head, or closed when a branch is gone."""
    branch = ref.removeprefix("refs/heads/")
    for pull in [pull for repository in list(github.repositories.values()) for pull in repository.pulls]:
        if pull.state == "closed" or not ref.startswith("refs/heads/"):
            continue
        if (pull.head_repository, pull.head_ref) == (pushed, branch):
            _follow_head(github, pull, old, new, by)
        elif (pull.repository, pull.base_ref) == (pushed, branch):
            _follow_base(github, pull, new, by)


def _follow_head(github: GitHub, pull: PullRequest, old: str, new: str, by: Account) -> None:
    if new == ZERO:
        close(github, pull, by)
        return
    _look_at_head(github, pull)
    pull.updated_at = github.now()
    github.tell("pull_request", "synchronize", by, repository=pull.repository, pull=pull, before=old, after=new)
    if github.git(pull.repository).count(f"{pull.base_ref}..{pull.head_sha}") == 0:
        # GitHub closes one that has nothing left to merge.
        close(github, pull, by)


def _follow_base(github: GitHub, pull: PullRequest, new: str, by: Account) -> None:
    """A base that moves alters neither head nor base SHA, only whether it can be merged; what it has by now, is merged."""
    if new == ZERO:
        close(github, pull, by)
    elif github.git(pull.repository).is_ancestor(pull.head_sha, new):
        pull.merge_commit_sha = new
        _set_merged(github, pull, by)
    else:
        try_merge(github, pull)


def head_repository_gone(base: Repository, gone: Repository) -> None:
    """Pull requests of a deleted fork stay as they are, with no repository as their head's."""
    for pull in base.pulls:
        if pull.head_repository is gone:
            pull.head_repository = None
