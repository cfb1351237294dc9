"""Repositories, branches, collaborators."""

from emulators.github.calls import Call, Routes
from emulators.github.errors import ApiError, invalid, not_found
from emulators.github.model import ROLES, Json
from emulators.github.operations import (
    create_repository,
    delete_repository,
    fork,
    rename_repository,
    transfer_repository,
)
from emulators.github.views.accounts import simple_user
from emulators.github.views.commits import branch, git_ref, short_branch
from emulators.github.views.repositories import full_repository, minimal_repository

routes = Routes()
_METADATA = ("metadata:read",)
_ADMIN = ("administration:write",)


@routes("GET /repos/{owner}/{repo}", "repos/repos#get-a-repository", needs=_METADATA)
def get_repository(call: Call) -> Json:
    return full_repository(call.scope, call.repository)


@routes("PATCH /repos/{owner}/{repo}", "repos/repos#update-a-repository", needs=_ADMIN, role="admin")
def update_repository(call: Call) -> Json:
    repository, name, branch_name = call.repository, call.text("name"), call.text("default_branch")
    if branch_name is not None:
        if f"refs/heads/{branch_name}" not in repository.refs:
            raise invalid("Repository", "default_branch")
        repository.default_branch = branch_name
        call.github.git(repository).run("symbolic-ref", "HEAD", f"refs/heads/{branch_name}")
    if isinstance(call.body.get("private"), bool):
        repository.private = call.body["private"]
    if "description" in call.body:
        repository.description = call.text("description")
    if name is not None and name != repository.name:
        rename_repository(call.github, repository, name, call.account)
    return full_repository(call.scope, repository)


@routes("DELETE /repos/{owner}/{repo}", "repos/repos#delete-a-repository", status=204, needs=_ADMIN, role="admin")
def remove_repository(call: Call) -> None:
    delete_repository(call.github, call.repository, call.account)


@routes(
    "POST /repos/{owner}/{repo}/transfer", "repos/repos#transfer-a-repository", status=202, needs=_ADMIN, role="admin"
)
def transfer(call: Call) -> Json:
    owner = call.github.accounts.get(call.need("new_owner").lower())
    if owner is None:
        raise ApiError(422, "Invalid new_owner")
    transfer_repository(call.github, call.repository, owner, call.account)
    return minimal_repository(call.scope, call.repository)


@routes("POST /repos/{owner}/{repo}/forks", "repos/forks#create-a-fork", status=202, needs=_METADATA)
def create_fork(call: Call) -> Json:
    organization = call.text("organization")
    owner = call.account if organization is None else call.github.account(organization)
    return full_repository(call.scope, fork(call.github, call.repository, owner, call.text("name")))


@routes("POST /user/repos", "repos/repos#create-a-repository-for-the-authenticated-user", status=201, caller="user")
def create_own_repository(call: Call) -> Json:
    made = create_repository(call.github, call.account, call.need("name"), bool(call.body.get("private")))
    return full_repository(call.scope, made)


@routes("GET /repos/{owner}/{repo}/branches", "branches/branches#list-branches", needs=("contents:read",))
def list_branches(call: Call) -> list[Json]:
    names = [ref.removeprefix("refs/heads/") for ref in sorted(call.repository.refs) if ref.startswith("refs/heads/")]
    return [short_branch(call.scope, call.repository, name) for name in call.page(names)]


@routes("GET /repos/{owner}/{repo}/branches/{branch:path}", "branches/branches#get-a-branch", needs=("contents:read",))
def get_branch(call: Call) -> Json:
    name = call.params["branch"]
    if f"refs/heads/{name}" not in call.repository.refs:
        raise ApiError(404, "Branch not found")
    return branch(call.scope, call.repository, name)


@routes("GET /repos/{owner}/{repo}/git/ref/{ref:path}", "git/refs#get-a-reference", needs=("contents:read",))
def get_ref(call: Call) -> Json:
    ref = f"refs/{call.params['ref']}"
    if ref not in call.repository.refs:
        raise not_found()
    return git_ref(call.scope, call.repository, ref, call.repository.refs[ref])


@routes(
    "GET /repos/{owner}/{repo}/collaborators/{username}/permission",
    "collaborators/collaborators#get-repository-permissions-for-a-user",
    needs=_METADATA,
)
def get_permission(call: Call) -> Json:
    """`permission` knows four; triage counts as read and maintain as write."""
    account = call.github.account(call.params["username"])
    role = call.github.role(account, call.repository)
    legacy = {"triage": "read", "maintain": "write"}.get(role, role)
    rights = {name: ROLES.index(role) >= at for name, at in _RIGHTS.items()}
    user = simple_user(call.scope, account) | {"permissions": rights, "role_name": role}
    return {"permission": legacy, "user": user, "role_name": role}


_RIGHTS = {"admin": 5, "maintain": 4, "push": 3, "triage": 2, "pull": 1}


@routes(
    "GET /repos/{owner}/{repo}/collaborators/{username}",
    "collaborators/collaborators#check-if-a-user-is-a-repository-collaborator",
    status=204,
    needs=_METADATA,
    role="write",
)
def check_collaborator(call: Call) -> None:
    account = call.github.account(call.params["username"])
    repository = call.repository
    if account.id not in {repository.owner.id, *repository.collaborators, *repository.owner.members}:
        raise ApiError(404, f"{account.login} is not a user")


@routes(
    "PUT /repos/{owner}/{repo}/collaborators/{username}",
    "collaborators/collaborators#add-a-repository-collaborator",
    status=204,
    needs=_ADMIN,
    role="admin",
)
def add_collaborator(call: Call) -> None:
    """GitHub invites them first and answers 201; here they have accepted at once."""
    wanted = {"pull": "read", "push": "write"}.get(call.text("permission") or "push", call.text("permission") or "")
    role = next((role for role in ROLES if role == wanted and role != "none"), None)
    if role is None:
        raise invalid("Repository", "permission")
    call.repository.collaborators[call.github.account(call.params["username"]).id] = role


@routes(
    "DELETE /repos/{owner}/{repo}/collaborators/{username}",
    "collaborators/collaborators#remove-a-repository-collaborator",
    status=204,
    needs=_ADMIN,
    role="admin",
)
def remove_collaborator(call: Call) -> None:
    call.repository.collaborators.pop(call.github.account(call.params["username"]).id, None)
