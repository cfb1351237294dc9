"""Check runs: https://docs.github.com/en/rest/checks/runs."""

from emulators.github import checks as act
from emulators.github.calls import Call, Routes
from emulators.github.errors import ApiError, not_found
from emulators.github.model import App, CheckRun, CheckSuite, Json
from emulators.github.routes.statuses import sha_of
from emulators.github.views.checks import annotation, check_run, check_suite

routes = Routes()
_READ, _WRITE = ("checks:read",), ("checks:write",)
_RUNS = "/repos/{owner}/{repo}/check-runs"
_ONE = f"{_RUNS}/{{check_run_id:id}}"


def _app(call: Call) -> App:
    """Raises ApiError (403) for a person: only Apps write checks."""
    if call.actor.app is None:
        raise ApiError(403, "You must authenticate via a GitHub App.")
    return call.actor.app


def _run(call: Call) -> CheckRun:
    """Raises ApiError (404)."""
    for suite in call.repository.suites.values():
        for run in suite.runs:
            if run.id == call.params["check_run_id"]:
                return run
    raise not_found()


@routes(f"POST {_RUNS}", "checks/runs#create-a-check-run", status=201, needs=_WRITE)
def create_check_run(call: Call) -> Json:
    return check_run(call.scope, act.create(call.github, call.repository, _app(call), call.body))


@routes(f"PATCH {_ONE}", "checks/runs#update-a-check-run", needs=_WRITE)
def update_check_run(call: Call) -> Json:
    app, run = _app(call), _run(call)
    if run.suite.app is not app:
        message = f"Invalid app_id `{app.id}` - check run can only be modified by the GitHub App that created it."
        raise ApiError(403, message)
    act.update(call.github, run, call.body)
    return check_run(call.scope, run)


@routes(f"GET {_ONE}", "checks/runs#get-a-check-run", needs=_READ)
def get_check_run(call: Call) -> Json:
    return check_run(call.scope, _run(call))


@routes(f"GET {_ONE}/annotations", "checks/runs#list-check-run-annotations", needs=_READ)
def list_annotations(call: Call) -> list[Json]:
    run = _run(call)
    return [annotation(call.scope, run, each) for each in call.page(run.annotations)]


@routes(f"POST {_ONE}/rerequest", "checks/runs#rerequest-a-check-run", status=201, needs=_WRITE)
def rerequest_check_run(call: Call) -> Json:
    act.rerequest(call.github, _run(call), call.account)
    return {}


@routes(
    "GET /repos/{owner}/{repo}/commits/{ref:path}/check-runs",
    "checks/runs#list-check-runs-for-a-git-reference",
    needs=_READ,
)
def list_check_runs(call: Call) -> Json:
    """Without `filter=all` only the newest of each name of each suite."""
    sha = sha_of(call)
    suites = [suite for suite in call.repository.suites.values() if suite.head_sha == sha and _is_asked(call, suite)]
    runs = [run for suite in suites for run in _of_suite(suite, call.asked("filter", "latest"))]
    for name, asked in (("name", call.asked("check_name")), ("status", call.asked("status"))):
        runs = [run for run in runs if asked in ("", getattr(run, name))]
    return {"total_count": len(runs), "check_runs": [check_run(call.scope, run) for run in call.page(runs)]}


def _is_asked(call: Call, suite: CheckSuite) -> bool:
    return call.asked("app_id") in ("", str(suite.app.id))


def _of_suite(suite: CheckSuite, which: str) -> list[CheckRun]:
    """Newest first."""
    return list((suite.runs if which == "all" else list({run.name: run for run in suite.runs}.values()))[::-1])


@routes("GET /repos/{owner}/{repo}/check-suites/{suite_id:id}", "checks/suites#get-a-check-suite", needs=_READ)
def get_check_suite(call: Call) -> Json:
    found = call.repository.suites.get(call.params["suite_id"])
    if found is None:
        raise not_found()
    return check_suite(call.scope, found)
