"""Conversations: issues, comments, labels, statuses."""

import re
from typing import Literal

from emulators.github.errors import ApiError, custom, invalid
from emulators.github.model import Account, Actor, Comment, Issue, Label, PullRequest, Repository, Status
from emulators.github.state import GitHub

MOST_COMMENT = 65536
"""Characters."""
MOST_DESCRIPTION = 140
"""Characters of a status's description."""
MOST_STATUSES = 1000
"""Per SHA and context."""
STATES: tuple[Literal["error", "failure", "pending", "success"], ...] = ("error", "failure", "pending", "success")


def open_issue(github: GitHub, repository: Repository, title: str, body: str | None, by: Account) -> Issue:
    number, now = repository.next_number, github.now()
    repository.next_number += 1
    issue = Issue(github.id("issue"), repository, number, title, body, by, now, now)
    repository.issues[number] = issue
    return issue


def comment(github: GitHub, issue: Issue, body: object, actor: Actor) -> Comment:
    """Raises ApiError (403, 422)."""
    assert actor.account is not None
    if issue.locked:
        raise ApiError(403, "Unable to create comment because issue is locked.")
    text, now = _checked(body), github.now()
    made = Comment(github.id("comment"), issue, actor.account, actor.app, text, now, now)
    issue.comments[made.id] = made
    issue.updated_at = now
    github.tell("issue_comment", "created", actor.account, repository=issue.repository, issue=issue, comment=made)
    return made


def edit_comment(github: GitHub, found: Comment, body: object, by: Account) -> None:
    """Raises ApiError (422)."""
    before, found.body, found.updated_at = found.body, _checked(body), github.now()
    records = {"repository": found.issue.repository, "issue": found.issue, "comment": found}
    github.tell("issue_comment", "edited", by, changes={"body": {"from": before}}, **records)


def delete_comment(github: GitHub, found: Comment, by: Account) -> None:
    issue = found.issue
    del issue.comments[found.id]
    github.tell("issue_comment", "deleted", by, repository=issue.repository, issue=issue, comment=found)


def _checked(body: object) -> str:
    if not isinstance(body, str) or not body.strip():
        raise custom("IssueComment", "Body can't be blank")
    if len(body) > MOST_COMMENT:
        message = f"body is too long (maximum is {MOST_COMMENT} characters)"
        raise ApiError(
            422,
            "Validation Failed",
            [{"resource": "IssueComment", "code": "unprocessable", "field": "data", "message": message}],
        )
    return body


def label(github: GitHub, repository: Repository, name: object, color: str = "ededed") -> Label:
    """The repository's label of that name, made when there is none. Raises ApiError (422)."""
    if not isinstance(name, str) or not 0 < len(name) <= 50:
        raise invalid("Label", "name")
    if not re.fullmatch(r"[0-9a-fA-F]{6}", color):
        raise invalid("Label", "color")
    if name.lower() not in repository.labels:
        repository.labels[name.lower()] = Label(github.id("label"), name, color)
    return repository.labels[name.lower()]


def add_label(github: GitHub, issue: Issue, name: object, by: Account) -> None:
    wanted = label(github, issue.repository, name)
    if wanted not in issue.labels:
        issue.labels.append(wanted)
        _tell_of_label(github, issue, "labeled", wanted, by)


def remove_label(github: GitHub, issue: Issue, name: str, by: Account) -> None:
    """Raises ApiError (404)."""
    wanted = issue.repository.labels.get(name.lower())
    if wanted is None or wanted not in issue.labels:
        raise ApiError(404, "Label does not exist")
    issue.labels.remove(wanted)
    _tell_of_label(github, issue, "unlabeled", wanted, by)


def _tell_of_label(github: GitHub, issue: Issue, action: str, wanted: Label, by: Account) -> None:
    issue.updated_at = github.now()
    if isinstance(issue, PullRequest):
        github.tell("pull_request", action, by, repository=issue.repository, pull=issue, label=wanted)


def put_status(github: GitHub, repository: Repository, sha: str, given: dict[str, object], by: Account) -> Status:
    """Raises ApiError (422). A status is never altered: the newest of a context counts."""
    context = str(given.get("context") or "default")
    state = next((each for each in STATES if each == given.get("state")), None)
    description, target_url = given.get("description"), given.get("target_url")
    if state is None:
        raise invalid("Status", "state", "custom", "state is not included in the list")
    if description is not None and len(str(description)) > MOST_DESCRIPTION:
        raise invalid(
            "Status", "description", "custom", f"description is too long (maximum is {MOST_DESCRIPTION} characters)"
        )
    if target_url and not str(target_url).startswith(("http://", "https://")):
        raise invalid("Status", "target_url", "custom", "target_url must use http(s) scheme")
    if github.git(repository).resolve(sha) != sha:
        raise ApiError(422, f"No commit found for SHA: {sha}")
    if sum((each.sha, each.context) == (sha, context) for each in repository.statuses) >= MOST_STATUSES:
        raise custom("Status", "This SHA and context has reached the maximum number of statuses.")
    made = Status(
        id=github.id("status"),
        sha=sha,
        state=state,
        context=context,
        description=None if description is None else str(description),
        target_url=None if target_url is None else str(target_url),
        creator=by,
        created_at=github.now(),
    )
    repository.statuses.append(made)
    return made
