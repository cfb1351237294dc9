"""What a webhook says, as one closed union; nothing behind it sees a forge's JSON.

A payload only says "look" (design: rule 1): state and head are never taken from it, only whom it is about.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from environments.comment_commands.lines import PREFIX
from environments.model import BranchKey, PullRequestKey, Value

Action = Literal["opened", "reopened", "synchronized", "closed", "changed"]


class PullRequestEvent(Value):
    type: Literal["pull_request"] = "pull_request"
    key: PullRequestKey
    action: Action
    """`changed`: anything else that may matter (labels, draft, base, title)."""
    sender: str


class PushEvent(Value):
    """Heard besides `synchronize`, which forges send seconds later: a look at the pull requests of that branch."""

    type: Literal["push"] = "push"
    key: BranchKey
    sender: str


class CommentEvent(Value):
    """Somebody wrote a comment that may hold commands."""

    type: Literal["comment"] = "comment"
    key: PullRequestKey
    comment: int
    sender: str


class Ignored(Value):
    type: Literal["ignored"] = "ignored"
    reason: str


Event = Annotated[PullRequestEvent | PushEvent | CommentEvent | Ignored, Field(discriminator="type")]

BRANCH = "refs/heads/"

ABOUT_PULL_REQUESTS = frozenset({"pull_request", "pull_request_sync", "pull_request_label", "pull_request_milestone"})
"""Gitea's, of which it names most `pull_request`; reviews and comments are others."""
ACTIONS: Mapping[str, Action] = {
    "opened": "opened",
    "reopened": "reopened",
    "synchronized": "synchronized",
    "synchronize": "synchronized",
    "closed": "closed",
}

Id = Annotated[int, Field(gt=0, lt=10**18)]


class _Numbered(BaseModel):
    number: Id


class _Repository(BaseModel):
    id: Id


class _User(BaseModel):
    login: str = Field(max_length=200)


class _PullRequest(BaseModel):
    action: str
    pull_request: _Numbered
    repository: _Repository
    sender: _User


class _Issue(BaseModel):
    number: Id
    pull_request: dict[str, Any] | None = None


class _Comment(BaseModel):
    id: Id
    body: str = ""


class _Commented(BaseModel):
    action: str
    issue: _Issue
    comment: _Comment
    repository: _Repository
    sender: _User


class _Push(BaseModel):
    ref: str = Field(max_length=2000)
    repository: _Repository
    sender: _User


def parse_event(forge: str, event: str, payload: Mapping[str, Any]) -> Event:
    """Never raises: what isn't understood is ignored, with the reason."""
    if event == "ping":
        return Ignored(reason="The forge greets: its webhooks arrive, and their signature is right.")
    try:
        if event == "push":
            return _push(forge, _Push.model_validate(payload))
        if event == "issue_comment":
            return _comment(forge, _Commented.model_validate(payload))
        if event in ABOUT_PULL_REQUESTS:
            return _pull_request(forge, _PullRequest.model_validate(payload))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        return Ignored(reason=f"The payload of {event!r} has no usable {where!r}.")
    return Ignored(reason=f"The event {event[:100]!r} changes no preview.")


def _push(forge: str, facts: _Push) -> Event:
    if not facts.ref.startswith(BRANCH):
        return Ignored(reason="Only pushes of branches change previews.")
    branch = facts.ref.removeprefix(BRANCH)
    return PushEvent(
        key=BranchKey(forge=forge, repository_id=facts.repository.id, branch=branch), sender=facts.sender.login
    )


def _comment(forge: str, facts: _Commented) -> Event:
    """Once, when it is made: others may edit it later. What it says is asked of the forge again (activities.commenting)."""
    if facts.issue.pull_request is None:
        return Ignored(reason="Only comments on pull requests hold commands.")
    if facts.action != "created" or PREFIX not in facts.comment.body.casefold():
        return Ignored(reason=f"Only a new comment with `{PREFIX}` in it holds commands.")
    key = PullRequestKey(forge=forge, repository_id=facts.repository.id, number=facts.issue.number)
    return CommentEvent(key=key, comment=facts.comment.id, sender=facts.sender.login)


def _pull_request(forge: str, facts: _PullRequest) -> Event:
    key = PullRequestKey(forge=forge, repository_id=facts.repository.id, number=facts.pull_request.number)
    return PullRequestEvent(key=key, action=ACTIONS.get(facts.action, "changed"), sender=facts.sender.login)
