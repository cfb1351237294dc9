"""What the owner of a pull request makes of a permitted command: why not now, or the request that it stands for. Pure."""

from environments.comment_commands.commands import Approve, Command, Reset, SetCommand, SetVariable
from environments.comment_commands.table import row_of
from environments.model import EnvironmentKey
from environments.overriding import override_refusal
from environments.policy import Refuse, Wishes, approval_refusal, decide
from environments.pushing import NO_ENVIRONMENT
from environments.work import OverrideRequest, SeenPullRequest

CLOSED = "The pull request is closed: reopen it, and its preview comes back."
NOT_OFFERED = "That isn't there yet."


def command_refusal(
    command: Command, pull_request: SeenPullRequest | None, wishes: Wishes, environment: EnvironmentKey | None
) -> str:
    """A sentence; empty: nothing stands against it. `environment`: what was declared for the pull request."""
    if not row_of(command).is_offered:
        return NOT_OFFERED
    if isinstance(command, Approve):
        return approval_refusal(pull_request, command.sha) or ""
    if pull_request is None or not pull_request.is_open:
        return CLOSED
    if command.verb in ("deploy", "start", "retry"):
        return _refused(pull_request, wishes.lifted(), is_request=command.verb != "retry")
    if command.verb == "stop" and wishes.stopped_by is not None:
        return f"It is stopped already, by {wishes.stopped_by}."
    if isinstance(command, SetVariable | SetCommand | Reset):
        return _not_set(command, environment)
    return ""


def _refused(pull_request: SeenPullRequest, wishes: Wishes, is_request: bool) -> str:
    """What would stand against it all the same, in the words of decide()."""
    asked = wishes.model_copy(update={"requested_by": "they"}) if is_request else wishes
    decision = decide(pull_request, asked, pull_request.refusal)
    return decision.message.text if isinstance(decision, Refuse) else ""


def override_of(command: SetVariable | SetCommand | Reset, by: str) -> OverrideRequest:
    match command:
        case SetVariable():
            return OverrideRequest(by=by, env={command.name: command.value}, scope=command.scope)
        case SetCommand():
            return OverrideRequest(by=by, command=command.command, scope=command.scope)
        case Reset():
            return OverrideRequest(by=by, reset=True, scope=command.scope)


def _not_set(command: SetVariable | SetCommand | Reset, environment: EnvironmentKey | None) -> str:
    if environment is None:
        return NO_ENVIRONMENT
    return override_refusal(override_of(command, "").model_dump()) or ""
