"""What happens to repositories and to what is pushed to them, whoever asks: a person in a test, or a call of the API."""

from emulators.github.checks import request_suites
from emulators.github.errors import ApiError, custom
from emulators.github.git import ZERO, GitError
from emulators.github.model import Account, Repository
from emulators.github.pulls import after_push, head_repository_gone
from emulators.github.state import GitHub


def create_repository(
    github: GitHub, owner: Account, name: str, private: bool = False, default_branch: str = "main"
) -> Repository:
    """Empty. Raises ApiError (422) when the name is taken or no name."""
    return _add(github, owner, name, private, default_branch, None)


def fork(github: GitHub, parent: Repository, owner: Account, name: str | None = None) -> Repository:
    """With all branches and tags of its parent."""
    made = _add(github, owner, name or parent.name, parent.private, parent.default_branch, parent)
    refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
    github.git(made).run("fetch", "--quiet", str(parent.folder), *refs)
    made.refs = github.git(made).refs()
    return made


def _add(
    github: GitHub, owner: Account, name: str, private: bool, default_branch: str, parent: Repository | None
) -> Repository:
    id_, now = github.id("repository"), github.now()
    folder = github.root / f"{id_}.git"
    made = Repository(id_, owner, name, folder, private, now, now, now, parent, default_branch)
    github.take_name(made, owner, name)
    github.repositories[id_] = made
    github.git(made).init(default_branch)
    github.tell("repository", "created", owner, repository=made)
    return made


def rename_repository(github: GitHub, repository: Repository, name: str, by: Account) -> None:
    """The old name redirects until another repository takes it."""
    before = repository.name
    github.take_name(repository, repository.owner, name)
    changes = {"repository": {"name": {"from": before}}}
    github.tell("repository", "renamed", by, repository=repository, changes=changes)


def transfer_repository(github: GitHub, repository: Repository, owner: Account, by: Account) -> None:
    """Id, pull requests and comments stay; the old name redirects."""
    before = repository.owner
    github.take_name(repository, owner, repository.name)
    github.tell("repository", "transferred", by, repository=repository, transferred_from=before)


def delete_repository(github: GitHub, repository: Repository, by: Account) -> None:
    """Its git repository stays on disk until the emulator ends: nobody finds it, and a clone that runs is not torn."""
    github.tell("repository", "deleted", by, repository=repository)
    github.forget(repository)
    for other in github.repositories.values():
        head_repository_gone(other, repository)


def commit(
    github: GitHub, repository: Repository, branch: str, files: dict[str, bytes | None], message: str, by: Account
) -> str:
    """One commit on top of the branch, which begins at the default branch when it is new; the SHA. None deletes a file."""
    git = github.git(repository)
    parent = git.resolve(f"refs/heads/{branch}") or git.resolve(f"refs/heads/{repository.default_branch}")
    try:
        sha = git.commit(parent, files, message, by.login)
    except GitError as error:
        raise ApiError(422, f"path contains a malformed path component: {error}") from error
    git.set_ref(f"refs/heads/{branch}", sha)
    observe_push(github, repository, by)
    return sha


def delete_branch(github: GitHub, repository: Repository, branch: str, by: Account) -> None:
    if f"refs/heads/{branch}" not in repository.refs:
        raise custom("Reference", "Reference does not exist")
    github.git(repository).set_ref(f"refs/heads/{branch}", None)
    observe_push(github, repository, by)


def observe_push(github: GitHub, repository: Repository, by: Account) -> None:
    """Whatever moved in the git repository since it was last looked at, `by` pushed."""
    before, now = repository.refs, github.git(repository).refs()
    moved = [ref for ref in sorted(before | now) if before.get(ref) != now.get(ref)]
    if not moved:
        return
    repository.refs = now
    repository.pushed_at = github.now()
    for ref in moved:
        old, new = before.get(ref, ZERO), now.get(ref, ZERO)
        _tell_of_push(github, repository, ref, old, new, by)
        after_push(github, repository, ref, old, new, by)
        if ref.startswith("refs/heads/") and new != ZERO:
            request_suites(github, repository, ref.removeprefix("refs/heads/"), new, by)


def _tell_of_push(github: GitHub, repository: Repository, ref: str, old: str, new: str, by: Account) -> None:
    for event, of in (("create", old), ("delete", new)):
        if of == ZERO:
            github.tell(event, None, by, repository=repository, ref=ref)
    github.tell("push", None, by, repository=repository, ref=ref, before=old, after=new)
