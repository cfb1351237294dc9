"""Deployments and their statuses: https://docs.github.com/en/rest/deployments."""

from emulators.github.errors import ApiError, invalid
from emulators.github.model import Account, App, Deployment, DeploymentStatus, Environment, Json, Repository
from emulators.github.operations import observe_push
from emulators.github.state import GitHub

STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")
MOST_DESCRIPTION = 140
"""Characters of a status's description."""


def create(github: GitHub, repository: Repository, asked: Json, by: Account, app: App | None) -> Deployment | str:
    """Or what was done instead: by default the default branch is merged into a branch that is behind it. Raises ApiError (409, 422)."""
    ref = asked.get("ref")
    sha = github.git(repository).resolve(ref) if isinstance(ref, str) else None
    if sha is None:
        raise ApiError(422, f"No ref found for: {ref}")
    if asked.get("auto_merge", True):
        merged = _merge_default(github, repository, str(ref), by)
        if merged is not None:
            return merged
    _check_contexts(repository, sha, asked.get("required_contexts"), str(ref))
    name, now = str(asked.get("environment") or "production"), github.now()
    _environment(github, repository, name)
    made = Deployment(github.id("deployment"), repository, sha, str(ref), name, by, app, now, now)
    made.task, made.payload = str(asked.get("task") or "deploy"), asked.get("payload", {})
    made.description, made.transient = asked.get("description"), bool(asked.get("transient_environment"))
    made.production = bool(asked.get("production_environment", name == "production"))
    repository.deployments[made.id] = made
    return made


def _merge_default(github: GitHub, repository: Repository, ref: str, by: Account) -> str | None:
    """What was done; None when nothing was to do."""
    git, default = github.git(repository), repository.default_branch
    head, base = (repository.refs.get(f"refs/heads/{name}") for name in (ref, default))
    if head is None or base is None or git.is_ancestor(base, head):
        return None
    tree = git.merge_tree(head, base)
    if tree is None:
        raise ApiError(409, f"Conflict merging {default} into {ref}.")
    git.set_ref(f"refs/heads/{ref}", git.commit_tree(tree, [head, base], f"Merge {default} into {ref}", by.login))
    observe_push(github, repository, by)
    return f"Auto-merged {default} into {ref} on deployment."


def _check_contexts(repository: Repository, sha: str, required: object, ref: str) -> None:
    """Without `required_contexts` every status and check must be a success; an empty list asks for none."""
    newest = {each.context: each.state for each in repository.statuses if each.sha == sha}
    runs = {run.name: run for suite in repository.suites.values() if suite.head_sha == sha for run in suite.runs}
    newest |= {name: "success" if run.conclusion in _GOOD else "failure" for name, run in runs.items()}
    wanted = [str(each) for each in required] if isinstance(required, list) else list(newest)
    contexts = [{"context": name, "state": newest.get(name, "pending")} for name in wanted]
    if any(each["state"] != "success" for each in contexts):
        errors = [{"contexts": contexts, "resource": "Deployment", "field": "required_contexts", "code": "invalid"}]
        raise ApiError(409, f"Conflict: Commit status checks failed for {ref}.", errors)


_GOOD = ("success", "neutral", "skipped")


def _environment(github: GitHub, repository: Repository, name: str) -> None:
    if name.lower() not in repository.environments:
        repository.environments[name.lower()] = Environment(github.id("environment"), name, github.now())


def add_status(github: GitHub, deployment: Deployment, asked: Json, by: Account, app: App | None) -> DeploymentStatus:
    """A success makes earlier successes of the environment inactive, unless `auto_inactive` is false. Raises ApiError (422)."""
    state, description = asked.get("state"), str(asked.get("description") or "")
    if state not in STATES:
        raise invalid("DeploymentStatus", "state", "custom", "state is not included in the list")
    if len(description) > MOST_DESCRIPTION:
        raise invalid(
            "DeploymentStatus",
            "description",
            "custom",
            f"description is too long (maximum is {MOST_DESCRIPTION} characters)",
        )
    if asked.get("environment"):
        deployment.environment = str(asked["environment"])
        _environment(github, deployment.repository, deployment.environment)
    made = _status(github, deployment, state, by, app)
    made.description = description
    made.log_url = str(asked.get("log_url") or asked.get("target_url") or "")
    made.environment_url = str(asked.get("environment_url") or "")
    if state == "success" and asked.get("auto_inactive", True):
        _end_earlier(github, deployment, by, app)
    return made


def _status(github: GitHub, deployment: Deployment, state: str, by: Account, app: App | None) -> DeploymentStatus:
    made = DeploymentStatus(
        github.id("deployment_status"), deployment, state, deployment.environment, by, app, github.now()
    )
    deployment.statuses.append(made)
    deployment.updated_at = made.created_at
    return made


def _end_earlier(github: GitHub, deployment: Deployment, by: Account, app: App | None) -> None:
    """Transient environments and production ones are left alone."""
    for other in deployment.repository.deployments.values():
        same = other.environment == deployment.environment and other.id < deployment.id
        if same and other.state == "success" and not other.transient and not other.production:
            _status(github, other, "inactive", by, app)


def delete(deployment: Deployment) -> None:
    """Raises ApiError (422) for an active one, unless it is the only one."""
    all_ = deployment.repository.deployments
    if len(all_) > 1 and deployment.state in (None, "success"):
        message = "We cannot delete an active deployment unless it is the only deployment in a given repository."
        raise ApiError(422, message)
    del all_[deployment.id]


def delete_environment(repository: Repository, name: str) -> None:
    """Raises ApiError (404)."""
    if repository.environments.pop(name.lower(), None) is None:
        raise ApiError(404, "Not Found")
