"""Check runs and suites."""

from emulators.github.model import CheckRun, CheckSuite, Json
from emulators.github.views.apps import app
from emulators.github.views.commits import simple_commit
from emulators.github.views.repositories import minimal_repository
from emulators.github.views.scope import Scope, node_id, time, time_or_none


def check_run(scope: Scope, run: CheckRun) -> Json:
    suite = run.suite
    url, page = f"{scope.of(suite.repository)}/check-runs/{run.id}", f"{scope.page_of(suite.repository)}/runs/{run.id}"
    output: Json = {"title": run.title, "summary": run.summary, "text": run.text}
    output |= {"annotations_count": len(run.annotations), "annotations_url": f"{url}/annotations"}
    return {
        "id": run.id,
        "node_id": node_id("CheckRun", run.id),
        "name": run.name,
        "head_sha": suite.head_sha,
        "external_id": run.external_id,
        "url": url,
        "html_url": page,
        "details_url": run.details_url or suite.app.external_url,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": time_or_none(run.started_at),
        "completed_at": time_or_none(run.completed_at),
        "output": output,
        "check_suite": _inner_suite(scope, suite) if scope.webhook else {"id": suite.id},
        "app": app(scope, suite.app),
        "pull_requests": _pull_requests(scope, suite),
    }


def _conclusion(suite: CheckSuite) -> tuple[str, str | None]:
    """Status and conclusion of all its runs."""
    if not suite.runs:
        return "queued", None
    if any(run.status != "completed" for run in suite.runs):
        return "in_progress", None
    told = {run.conclusion for run in suite.runs}
    return "completed", next((each for each in _WORST if each in told), "success")


_WORST = ("failure", "timed_out", "cancelled", "action_required", "stale", "neutral", "success")


def _inner_suite(scope: Scope, suite: CheckSuite) -> Json:
    status, conclusion = _conclusion(suite)
    return {
        "id": suite.id,
        "node_id": node_id("CheckSuite", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": f"{scope.of(suite.repository)}/check-suites/{suite.id}",
        "before": None,
        "after": suite.head_sha,
        "pull_requests": _pull_requests(scope, suite),
        "app": app(scope, suite.app),
        "created_at": time(suite.created_at),
        "updated_at": time(suite.updated_at),
    }


def check_suite(scope: Scope, suite: CheckSuite) -> Json:
    url = f"{scope.of(suite.repository)}/check-suites/{suite.id}/check-runs"
    told = _inner_suite(scope, suite) | {"latest_check_runs_count": len(suite.runs), "check_runs_url": url}
    told |= {"head_commit": simple_commit(scope, suite.repository, suite.head_sha)}
    return told | ({} if scope.webhook else {"repository": minimal_repository(scope, suite.repository)})


def _pull_requests(scope: Scope, suite: CheckSuite) -> list[Json]:
    """Open ones whose head it is; those of forks are never told."""
    shown = []
    for pull in suite.repository.pulls:
        same = pull.head_repository is suite.repository and pull.head_sha == suite.head_sha
        if pull.state == "open" and same:
            base = {"id": suite.repository.id, "url": scope.of(suite.repository), "name": suite.repository.name}
            head = {"ref": pull.head_ref, "sha": pull.head_sha, "repo": base}
            url = f"{scope.of(suite.repository)}/pulls/{pull.number}"
            ids = {"url": url, "id": pull.id, "number": pull.number}
            shown.append(ids | {"head": head, "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": base}})
    return shown


def annotation(scope: Scope, run: CheckRun, found: Json) -> Json:
    blob = f"{scope.page_of(run.suite.repository)}/blob/{run.suite.head_sha}/{found['path']}"
    names = ("path", "start_line", "end_line", "annotation_level", "message")
    rest = {name: found.get(name) for name in ("start_column", "end_column", "title", "raw_details")}
    return {name: found[name] for name in names} | rest | {"blob_href": blob}
