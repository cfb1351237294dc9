"""The answer to one comment: only where something was refused, was no command, or was asked for; what is done gets a mark alone.

Whatever stands in it, nothing in it is a command again: a forge shows us our own comments, too.
"""

from environments.comment_commands.commands import Approve, Command, Mistake
from environments.comment_commands.parsing import render
from environments.comment_commands.table import command_table, row_of
from environments.markdown import code, fence, inline, sentence
from environments.messages import MAX_LOG, MAX_LOG_LINES, CommentView, current_details
from environments.model import CommitSha, Value

MAX_NAME, MAX_SHOWN, MAX_REASON = 100, 120, 400
MAX_RESULTS = 12
"""A comment has ten commands and a mistake about more (parsing.MAX_COMMANDS)."""
MAX_ADDRESS = 500


class Done(Value):
    """Accepted; the comment's mark says so."""

    command: Command


class NotPermitted(Value):
    command: Command
    by: str
    """Who wrote it, as the forge calls them."""
    repository: str
    """Full name."""


class Declined(Value):
    """The owning workflow refused it."""

    command: Command
    reason: str
    """A sentence."""


class NotApproved(Value):
    """An approval that doesn't name the newest commit (Approve.names)."""

    command: Approve
    head: CommitSha


class Help(Value):
    command: Command


class Status(Value):
    command: Command
    view: CommentView


class Logs(Value):
    command: Command
    name: str
    """Which log: build, install, container; empty: there is none yet."""
    text: str = ""
    """Its end."""
    address: str = ""
    """Where the whole of it is."""


Answer = Help | Status | Logs
Result = Done | NotPermitted | Declined | NotApproved | Mistake | Answer


def reply(results: tuple[Result, ...], comment: int) -> str | None:
    """One comment that answers the comment of that id, below 60,000 characters; None: there is nothing to say."""
    refusals = [f"- {_refusal(result)}" for result in results[:MAX_RESULTS] if not isinstance(result, Done | Answer)]
    # The first of each kind: asked for twice, an answer is the same.
    answers = {type(result): result for result in reversed(results) if isinstance(result, Answer)}
    parts = ["\n".join(refusals), *(_answer(answers[kind]) for kind in (Help, Status, Logs) if kind in answers)]
    said = [part for part in parts if part]
    return "\n\n".join([reply_marker(comment), *said]) + "\n" if said else None


def reply_marker(comment: int) -> str:
    """Finds the reply to that comment again, when it is written twice."""
    return f"<!-- catalyst-reply-to-{comment} -->"


def help_text() -> str:
    """What `/preview help` answers."""
    return (
        f"{command_table()}\n\n"
        'Each on a line of its own, outside of quotes, lists and code; what has spaces in it between two `"`. '
        "With `--project`, a setting is for all previews of the project."
    )


def _refusal(result: NotPermitted | Declined | NotApproved | Mistake) -> str:
    if isinstance(result, Mistake):
        return f"{code(result.line, MAX_SHOWN)}: {sentence(result.reason, MAX_REASON)} {_right(result)}"
    line = code(render(result.command), MAX_SHOWN)
    match result:
        case NotPermitted():
            return f"{line}: {_not_permitted(result)}"
        case Declined():
            return f"{line}: {sentence(result.reason, MAX_REASON)}"
        case NotApproved():
            return f"{line}: {_not_approved(result)}"


def _right(mistake: Mistake) -> str:
    if not mistake.form:
        return f"{code(mistake.example)} lists what there is."
    example = f", for example {code(mistake.example)}" if mistake.example != mistake.form else ""
    return f"It is written {code(mistake.form)}{example}."


def _not_permitted(result: NotPermitted) -> str:
    needs, where = row_of(result.command).permission, code(result.repository, MAX_NAME)
    who = inline(result.by, MAX_NAME)
    return (
        f"That needs {needs} permission in {where}, which {who} doesn't have. Whoever has it can write the same line."
    )


def _not_approved(result: NotApproved) -> str:
    head = code(result.head)
    exact = f"If you have looked at the changes up to it, write {code(render(Approve(sha=result.head)))}"
    if result.command.sha is None or result.head.startswith(result.command.sha):
        return f"Only a whole SHA names one commit. The newest commit is {head}. {exact}."
    return f"That isn't the newest commit, which is {head}. {exact}."


def _answer(answer: Answer) -> str:
    match answer:
        case Help():
            return help_text()
        case Status():
            return current_details(answer.view)
        case Logs():
            return _logs(answer)


def _logs(answer: Logs) -> str:
    if not answer.name or not answer.text.strip():
        return "There is no log yet."
    whole = f"\n\nThe whole log: {code(answer.address, MAX_ADDRESS)}" if answer.address else ""
    head = f"The end of the log {code(answer.name, MAX_NAME)}:"
    return f"{head}\n\n{fence(answer.text, MAX_LOG_LINES, MAX_LOG)}{whole}"
