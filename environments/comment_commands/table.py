"""The one table of commands in comments: parsing, the help and docs/commands.md are made from it (issue 6)."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from environments.catalyst_yaml import VARIABLE_NAME
from environments.comment_commands.commands import (
    LONGEST,
    MAX_VALUE,
    SHORTEST,
    Approve,
    Command,
    Extend,
    Keep,
    SetCommand,
    SetVariable,
    hidden_in,
)
from environments.comment_commands.lines import PREFIX

Permission = Literal["read", "write"]
"""Of the person who wrote the comment, in the repository, as the forge's API has it at that moment."""

UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
DURATION = re.compile(r"([0-9]{1,5})([wdhm])", re.IGNORECASE)
SHA = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)


class Wrong(ValueError):
    """What was written makes no sense; the message is a sentence for people, names in it between backticks."""


class Argument(NamedTuple):
    """What a verb takes: one word, or several in quotes."""

    form: str
    read: Callable[[str], dict[str, Any]]
    """The fields of the command. Raises Wrong."""
    write: Callable[[Any], str | None]
    """From the command; None: without it, the same is said."""
    is_optional: bool = False


class Row(NamedTuple):
    verb: str
    help: str
    """What happens then."""
    example: str
    argument: Argument | None = None
    permission: Permission = "write"
    is_change: bool = True
    """Whether anything is other than before; what isn't is answered."""
    may_be_for_project: bool = False
    is_offered: bool = True
    """False: it is understood, and nobody carries it out yet."""

    @property
    def form(self) -> str:
        """How it is written: `/preview extend DURATION`."""
        words = [PREFIX, self.verb]
        if self.argument:
            words.append(f"[{self.argument.form}]" if self.argument.is_optional else self.argument.form)
        return " ".join([*words, "[--project]"] if self.may_be_for_project else words)


# --- arguments ---------------------------------------------------------------------------------------------------


def written_duration(span: timedelta) -> str:
    """As a command has it, in the largest unit that divides it: `2d`."""
    unit, length = next((unit, length) for unit, length in UNITS.items() if not span % length)
    return f"{span // length}{unit}"


BOUNDS = f"{written_duration(SHORTEST)} to {written_duration(LONGEST)}"


def _duration(word: str) -> dict[str, Any]:
    found = DURATION.fullmatch(word)
    if found is None:
        raise Wrong("A duration is a whole number and `m`, `h`, `d` or `w`: `30m`, `12h`, `2d`, `1w`.")
    span = int(found[1]) * UNITS[found[2].lower()]
    if not SHORTEST <= span <= LONGEST:
        raise Wrong(f"A duration is {BOUNDS}.")
    return {"duration": span}


def _variable(word: str) -> dict[str, Any]:
    name, equals, value = word.partition("=")
    if not equals:
        raise Wrong("A variable is written `NAME=VALUE`, without spaces around the `=`.")
    if not VARIABLE_NAME.fullmatch(name):
        raise Wrong("The name of a variable begins with a letter or `_`; letters, digits, `_`, `.` and `-` may follow.")
    return {"name": name, "value": _text(value, "The value")}


def _command(word: str) -> dict[str, Any]:
    if not word.strip():
        raise Wrong("The command is empty; `/preview reset` takes back one that was set.")
    return {"command": _text(word, "The command")}


def _sha(word: str) -> dict[str, Any]:
    if not SHA.fullmatch(word):
        raise Wrong("A commit is named by its SHA: hexadecimal digits, all of them (40).")
    return {"sha": word.lower()}


def _text(text: str, what: str) -> str:
    if len(text) > MAX_VALUE:
        raise Wrong(f"{what} is longer than {MAX_VALUE} characters.")
    if hidden := hidden_in(text):
        raise Wrong(f"{what} has a character in it that can't be seen (`{hidden}`): type it instead of pasting it.")
    return text


def _span(command: Extend | Keep) -> str:
    return written_duration(command.duration)


def _assignment(command: SetVariable) -> str:
    return f"{command.name}={command.value}"


def _command_text(command: SetCommand) -> str:
    return command.command


def _written_sha(command: Approve) -> str | None:
    return command.sha


# --- the table ---------------------------------------------------------------------------------------------------

ROWS = (
    Row(
        "deploy",
        "Deploys the newest commit, also where the project's rules do so on request only; lifts a stop.",
        "/preview deploy",
    ),
    Row("stop", "Removes the preview until `start`, whatever is pushed.", "/preview stop"),
    Row("start", "Brings a stopped preview back.", "/preview start"),
    Row("retry", "Deploys the newest commit again.", "/preview retry"),
    Row("sleep", "Lets it sleep now; a visit or `wake` wakes it.", "/preview sleep", is_offered=False),
    Row("wake", "Wakes it.", "/preview wake", is_offered=False),
    Row(
        "extend",
        f"Lengthens its lease by that time ({BOUNDS}).",
        "/preview extend 2d",
        Argument("DURATION", _duration, _span),
        is_offered=False,
    ),
    Row(
        "keep",
        f"Nothing removes it for that time ({BOUNDS}; without: 1w), not even closing the pull request.",
        "/preview keep 3d",
        Argument("DURATION", _duration, _span, is_optional=True),
        is_offered=False,
    ),
    Row(
        "env",
        "Sets an environment variable. Everybody can read it: no secrets.",
        "/preview env LOG_LEVEL=debug",
        Argument("NAME=VALUE", _variable, _assignment),
        may_be_for_project=True,
    ),
    Row(
        "command",
        "Sets the command that is run.",
        '/preview command "npm run dev"',
        Argument('"COMMAND"', _command, _command_text),
        may_be_for_project=True,
    ),
    Row("reset", "Takes back every setting that people changed.", "/preview reset", may_be_for_project=True),
    Row(
        "approve",
        "Allows that commit of a fork to be cloned, built and run. All 40 digits; without them it answers with the line to write.",
        f"/preview approve {'0123456789' * 4}",
        Argument("SHA", _sha, _written_sha, is_optional=True),
    ),
    Row("logs", "Answers with the end of the newest log.", "/preview logs", permission="read", is_change=False),
    Row("status", "Answers with where it stands.", "/preview status", permission="read", is_change=False),
    Row("help", "Answers with this list.", "/preview help", permission="read", is_change=False),
)
TABLE = {row.verb: row for row in ROWS}
OFFERED = tuple(row for row in ROWS if row.is_offered)


def row_of(command: Command) -> Row:
    return TABLE[command.verb]


def command_table() -> str:
    """For people, in Markdown."""
    lines = [("Write", "What happens", "Needs"), ("---", "---", "---")]
    lines += [(f"`{row.form}`", row.help, row.permission) for row in OFFERED]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
