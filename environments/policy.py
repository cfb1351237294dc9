"""decide(): what a pull request gets, from its own state on the forge and from what people wished. Pure."""

import re

from environments import names
from environments.model import CommitSha, EnvironmentIdentity, Message, PullRequest, Value
from environments.refusals import Refusal

SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Approval(Value):
    """Of a fork's one commit, by somebody who may write; a push voids it (issue 6)."""

    sha: CommitSha
    by: str


class Wishes(Value):
    """What people asked of one pull request's preview; state that outlives commits and continue-as-new."""

    stopped_by: str | None = None
    """Who stopped it, in their words; only `retry` lifts it."""
    stop_reason: str = ""
    retry: int = 0
    """How often somebody asked to run the same commit again; goes into the resource's spec."""
    requested_by: str | None = None
    """Who asked for a preview that the rules make on request."""
    approved: Approval | None = None

    def lifted(self) -> "Wishes":
        """Without the stop."""
        return self.model_copy(update={"stopped_by": None, "stop_reason": ""})


class Deploy(Value):
    """Serve this commit."""

    identity: EnvironmentIdentity
    sha: CommitSha


class Remove(Value):
    """Nothing of it may be left; `is_final`: the pull request is over, so its workflow ends once that is so."""

    is_final: bool
    message: Message


class Refuse(Value):
    """Not served; what would change it is in the message. What an earlier decision deployed is removed."""

    message: Message


Decision = Deploy | Remove | Refuse


def decide(pull_request: PullRequest | None, wishes: Wishes, refusal: Refusal | None = None) -> Decision:
    """Closing beats every rule; then a person's stop; then the project's rules; then a fork's need of approval.

    `pull_request`: None when the forge doesn't know it any more. `refusal`: what the project's rules say of it.
    """
    if pull_request is None:
        return _over("Gone", "The pull request or its repository was deleted.")
    if not pull_request.is_open:
        return _over("Merged", "Merged.") if pull_request.is_merged else _over("Closed", "Closed.")
    if wishes.stopped_by is not None:
        return Remove(is_final=False, message=_stopped(wishes))
    if refusal is not None and not (refusal.yields and _is_wanted(pull_request, wishes)):
        return Refuse(message=refusal.message)
    if pull_request.is_from_fork and not is_approved(pull_request, wishes):
        return Refuse(message=Message(reason="ForkNotApproved", text=_unapproved(pull_request)))
    return _deploy(pull_request)


def is_approved(pull_request: PullRequest, wishes: Wishes) -> bool:
    """This very commit: a commit's whole SHA, as somebody may make another one that begins like it."""
    return wishes.approved is not None and wishes.approved.sha == pull_request.head_sha


def approval_refusal(pull_request: PullRequest | None, sha: str | None) -> str | None:
    """Why that commit can't be approved now; a sentence."""
    if sha is None or not SHA.fullmatch(sha):
        return "An approval names the commit by its whole SHA: 40 of 0-9 and a-f."
    if pull_request is None or not pull_request.is_open:
        return "The pull request isn't open."
    if not pull_request.is_from_fork:
        return "It doesn't come from a fork: it needs no approval."
    if sha != pull_request.head_sha:
        return f"The newest commit is {pull_request.head_sha}: look at that one."
    return None


def identity_of(pull_request: PullRequest) -> EnvironmentIdentity:
    """Team from the owner, project from the repository's name. Raises names.InvalidName."""
    repository = pull_request.repository
    names.environment_namespace(repository.owner, repository.name, names.preview_name(pull_request.key.number))
    return EnvironmentIdentity(
        team=names.sanitise(repository.owner),
        project=names.sanitise(repository.name),
        environment=names.preview_name(pull_request.key.number),
    )


def _deploy(pull_request: PullRequest) -> Decision:
    try:
        return Deploy(identity=identity_of(pull_request), sha=pull_request.head_sha)
    except names.InvalidName as error:
        return Refuse(message=Message(reason="InvalidName", text=str(error)))


def _is_wanted(pull_request: PullRequest, wishes: Wishes) -> bool:
    return wishes.requested_by is not None or is_approved(pull_request, wishes)


def _unapproved(pull_request: PullRequest) -> str:
    return (
        "It comes from a fork, so nothing of it runs before somebody with write permission has looked at it: "
        f"`/preview approve {pull_request.head_sha}` in a comment allows this commit. A push takes that back."
    )


def _over(reason: str, text: str) -> Remove:
    return Remove(is_final=True, message=Message(reason=reason, text=text))


def _stopped(wishes: Wishes) -> Message:
    because = f": {wishes.stop_reason}" if wishes.stop_reason else ""
    return Message(reason="Stopped", text=f"Stopped by {wishes.stopped_by}{because}. Retry starts it again.")
