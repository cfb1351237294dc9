"""Check runs and suites: https://docs.github.com/en/rest/checks."""

from datetime import datetime
from typing import Any

from emulators.github.errors import ApiError, custom
from emulators.github.model import Account, App, CheckRun, CheckSuite, Json, Repository
from emulators.github.state import GitHub

STATUSES = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
CONCLUSIONS = ("success", "failure", "neutral", "cancelled", "timed_out", "action_required", "skipped", "stale")
MOST_TEXT = 65535
"""Characters of a summary, and of a text."""
MOST_ANNOTATIONS = 50
"""Per request; further ones are added by updates."""
MOST_ACTIONS = 3
_ACTION_LENGTHS = {"label": 20, "description": 40, "identifier": 20}
_LEVELS = ("notice", "warning", "failure")


def suite_of(github: GitHub, repository: Repository, app: App, sha: str, branch: str | None = None) -> CheckSuite:
    """An App has one suite for a commit; made when there is none."""
    for suite in repository.suites.values():
        if (suite.app, suite.head_sha) == (app, sha):
            return suite
    now = github.now()
    branch = branch or next(
        (ref[11:] for ref, at in repository.refs.items() if at == sha and ref.startswith("refs/heads/")), None
    )
    made = CheckSuite(github.id("check_suite"), repository, app, sha, branch, now, now)
    repository.suites[made.id] = made
    return made


def request_suites(github: GitHub, repository: Repository, branch: str, sha: str, by: Account) -> None:
    """As after each push: every App that may write checks is asked for some."""
    for installation in list(github.installations.values()):
        if installation.permissions.get("checks") == "write" and github.reaches(installation, repository):
            suite = suite_of(github, repository, installation.app, sha, branch)
            github.tell("check_suite", "requested", by, repository=repository, suite=suite, app=installation.app)


def create(github: GitHub, repository: Repository, app: App, asked: Json) -> CheckRun:
    """Raises ApiError (422)."""
    sha, name = asked.get("head_sha"), asked.get("name")
    if not isinstance(name, str) or not name:
        raise ApiError(422, 'Invalid request.\n\n"name" wasn\'t supplied.')
    if not isinstance(sha, str) or github.git(repository).resolve(sha) != sha:
        raise custom("CheckRun", f"No commit found for SHA: {sha}")
    suite = suite_of(github, repository, app, sha)
    made = CheckRun(github.id("check_run"), suite, name)
    _apply(github, made, asked)
    suite.runs.append(made)
    _tell(github, made, "created", app.bot)
    if made.status == "completed":
        _tell(github, made, "completed", app.bot)
    return made


def update(github: GitHub, run: CheckRun, asked: Json) -> None:
    """Raises ApiError (422)."""
    before = run.status
    run.name = asked.get("name") or run.name
    _apply(github, run, asked)
    if run.status == "completed" and before != "completed":
        _tell(github, run, "completed", run.suite.app.bot)


def _tell(github: GitHub, run: CheckRun, action: str, sender: Account, **records: Any) -> None:
    repository, app = run.suite.repository, run.suite.app
    github.tell("check_run", action, sender, repository=repository, run=run, app=app, **records)


def _apply(github: GitHub, run: CheckRun, asked: Json) -> None:
    """All of it, or nothing."""
    output, actions = _checked_output(asked.get("output")), _checked_actions(asked.get("actions"))
    status, conclusion = _checked_status(asked)
    started, completed = (_moment(asked, name) for name in ("started_at", "completed_at"))
    run.external_id, run.details_url = (
        asked.get("external_id") or run.external_id,
        asked.get("details_url") or run.details_url,
    )
    run.started_at = started or run.started_at or github.now()
    if status is not None:
        run.status, run.conclusion = status, conclusion
        run.completed_at = (completed or github.now()) if status == "completed" else None
    if output is not None:
        run.title, run.summary, run.text = output.get("title"), output["summary"], output.get("text")
        run.annotations += output.get("annotations") or []
    if actions is not None:
        run.actions = actions
    run.suite.updated_at = github.now()


def _checked_status(asked: Json) -> tuple[str | None, str | None]:
    """A conclusion completes; completed needs one."""
    status, conclusion = asked.get("status"), asked.get("conclusion")
    if status not in (None, *STATUSES):
        raise _invalid("status", status)
    if conclusion is not None and conclusion not in CONCLUSIONS:
        raise _invalid("conclusion", conclusion)
    if status == "completed" and conclusion is None:
        raise ApiError(422, 'Invalid request.\n\n"conclusion" wasn\'t supplied.')
    return ("completed" if conclusion else status), conclusion


def _checked_output(output: object) -> Json | None:
    if output is None:
        return None
    if not isinstance(output, dict) or not output.get("title") or not isinstance(output.get("summary"), str):
        raise ApiError(422, 'Invalid request.\n\n"title" and "summary" must be supplied in output.')
    for name in ("summary", "text"):
        if len(output.get(name) or "") > MOST_TEXT:
            raise custom("CheckRun", f"{name} exceeds a maximum length of {MOST_TEXT}")
    annotations = output.get("annotations") or []
    if len(annotations) > MOST_ANNOTATIONS:
        told = f"No more than {MOST_ANNOTATIONS} items are allowed; {len(annotations)} were supplied."
        raise ApiError(422, f"Invalid request.\n\n{told}")
    for annotation in annotations:
        _check_annotation(annotation)
    return output


def _check_annotation(annotation: Json) -> None:
    for name, kind in (("path", str), ("message", str), ("start_line", int), ("end_line", int)):
        if not isinstance(annotation.get(name), kind):
            raise ApiError(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
    if annotation.get("annotation_level") not in _LEVELS:
        raise _invalid("annotation_level", annotation.get("annotation_level"))


def _checked_actions(actions: object) -> list[Json] | None:
    if actions is None:
        return None
    if not isinstance(actions, list) or len(actions) > MOST_ACTIONS:
        raise ApiError(422, f"Invalid request.\n\nNo more than {MOST_ACTIONS} items are allowed.")
    for action in actions:
        for name, most in _ACTION_LENGTHS.items():
            text = action.get(name) if isinstance(action, dict) else None
            if not isinstance(text, str) or not 0 < len(text) <= most:
                raise ApiError(422, f"Invalid request.\n\n{name} must be a string of at most {most} characters.")
    return actions


def _moment(asked: Json, name: str) -> datetime | None:
    text = asked.get(name)
    try:
        return None if text is None else datetime.fromisoformat(str(text))
    except ValueError:
        raise _invalid(name, text) from None


def _invalid(name: str, value: object) -> ApiError:
    return ApiError(422, f"Invalid request.\n\nFor 'properties/{name}', {value!r} is not valid.")


def rerequest(github: GitHub, run: CheckRun, by: Account) -> None:
    """As when somebody clicks Re-run; nothing changes until the App does something."""
    _tell(github, run, "rerequested", by)


def request_action(github: GitHub, run: CheckRun, identifier: str, by: Account) -> None:
    """As when somebody clicks one of the run's buttons. Raises ApiError (422) for one that it doesn't have."""
    if identifier not in [action["identifier"] for action in run.actions]:
        raise custom("CheckRun", f"the check run has no action {identifier}")
    _tell(github, run, "requested_action", by, requested_action={"identifier": identifier})


def rerequest_suite(github: GitHub, suite: CheckSuite, by: Account) -> None:
    github.tell("check_suite", "rerequested", by, repository=suite.repository, suite=suite, app=suite.app)
