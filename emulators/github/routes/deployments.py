"""Deployments, statuses and environments: https://docs.github.com/en/rest/deployments."""

from emulators.github import deployments as act
from emulators.github.calls import Call, Routes
from emulators.github.errors import not_found
from emulators.github.model import Deployment, Json
from emulators.github.views.deployments import deployment, deployment_status, environment

routes = Routes()
_READ, _WRITE = ("deployments:read",), ("deployments:write",)
_ALL = "/repos/{owner}/{repo}/deployments"
_ONE = f"{_ALL}/{{deployment_id:id}}"
_ENVIRONMENTS = "/repos/{owner}/{repo}/environments"


def _deployment(call: Call) -> Deployment:
    """Raises ApiError (404)."""
    found = call.repository.deployments.get(call.params["deployment_id"])
    if found is None:
        raise not_found()
    return found


@routes(f"POST {_ALL}", "deployments/deployments#create-a-deployment", status=201, needs=_WRITE, role="write")
def create_deployment(call: Call) -> Json:
    made = act.create(call.github, call.repository, call.body, call.account, call.actor.app)
    if isinstance(made, str):
        call.status = 202
        return {"message": made}
    return deployment(call.scope, made)


@routes(f"GET {_ALL}", "deployments/deployments#list-deployments", needs=_READ)
def list_deployments(call: Call) -> list[Json]:
    """Newest first."""
    found = list(call.repository.deployments.values())[::-1]
    for name in ("sha", "ref", "task", "environment"):
        asked = call.asked(name, "none")
        found = [each for each in found if asked in ("none", "", getattr(each, name))]
    return [deployment(call.scope, each) for each in call.page(found)]


@routes(f"GET {_ONE}", "deployments/deployments#get-a-deployment", needs=_READ)
def get_deployment(call: Call) -> Json:
    return deployment(call.scope, _deployment(call))


@routes(f"DELETE {_ONE}", "deployments/deployments#delete-a-deployment", status=204, needs=_WRITE, role="write")
def delete_deployment(call: Call) -> None:
    act.delete(_deployment(call))


@routes(
    f"POST {_ONE}/statuses", "deployments/statuses#create-a-deployment-status", status=201, needs=_WRITE, role="write"
)
def create_status(call: Call) -> Json:
    made = act.add_status(call.github, _deployment(call), call.body, call.account, call.actor.app)
    return deployment_status(call.scope, made)


@routes(f"GET {_ONE}/statuses", "deployments/statuses#list-deployment-statuses", needs=_READ)
def list_statuses(call: Call) -> list[Json]:
    """Newest first."""
    return [deployment_status(call.scope, each) for each in call.page(_deployment(call).statuses[::-1])]


@routes(f"GET {_ONE}/statuses/{{status_id:id}}", "deployments/statuses#get-a-deployment-status", needs=_READ)
def get_status(call: Call) -> Json:
    for each in _deployment(call).statuses:
        if each.id == call.params["status_id"]:
            return deployment_status(call.scope, each)
    raise not_found()


@routes(f"GET {_ENVIRONMENTS}", "deployments/environments#list-environments", needs=("actions:read",))
def list_environments(call: Call) -> Json:
    found = list(call.repository.environments.values())
    shown = [environment(call.scope, call.repository, each) for each in call.page(found)]
    return {"total_count": len(found), "environments": shown}


@routes(f"GET {_ENVIRONMENTS}/{{name:path}}", "deployments/environments#get-an-environment", needs=("actions:read",))
def get_environment(call: Call) -> Json:
    found = call.repository.environments.get(call.params["name"].lower())
    if found is None:
        raise not_found()
    return environment(call.scope, call.repository, found)


@routes(
    f"DELETE {_ENVIRONMENTS}/{{name:path}}",
    "deployments/environments#delete-an-environment",
    status=204,
    needs=("administration:write",),
    role="admin",
)
def delete_environment(call: Call) -> None:
    act.delete_environment(call.repository, call.params["name"])
