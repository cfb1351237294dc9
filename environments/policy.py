"""decide(): what a pull request gets, from its own state on the forge and from what people wished. Pure."""

from environments import names
from environments.model import CommitSha, EnvironmentIdentity, Message, PullRequest, Value


class Wishes(Value):
    """What people asked of one pull request's preview; state that outlives commits and continue-as-new."""

    stopped_by: str | None = None
    """Who stopped it, in their words; only `retry` lifts it."""
    stop_reason: str = ""
    retry: int = 0
    """How often somebody asked to run the same commit again; goes into the resource's spec."""


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


def decide(pull_request: PullRequest | None, wishes: Wishes) -> Decision:
    """Closing beats every rule; then a person's wish; then the rules. None: the forge doesn't know the pull request any more."""
    if pull_request is None:
        return _over("Gone", "The pull request or its repository was deleted.")
    if not pull_request.is_open:
        return _over("Merged", "Merged.") if pull_request.is_merged else _over("Closed", "Closed.")
    if wishes.stopped_by is not None:
        return Remove(is_final=False, message=_stopped(wishes))
    if pull_request.is_from_fork:
        text = "Previews of pull requests from forks need somebody's approval, which this installation can't take yet."
        return Refuse(message=Message(reason="ForkNotApproved", text=text))
    return _deploy(pull_request)


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


def _over(reason: str, text: str) -> Remove:
    return Remove(is_final=True, message=Message(reason=reason, text=text))


def _stopped(wishes: Wishes) -> Message:
    because = f": {wishes.stop_reason}" if wishes.stop_reason else ""
    return Message(reason="Stopped", text=f"Stopped by {wishes.stopped_by}{because}. Retry starts it again.")
