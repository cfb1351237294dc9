"""The commands that people write in a pull request's comments, as values: a closed union, one per verb (issue 6).

What they write instead of one is a Mistake. None of it was done or permitted yet: `table` says what each needs.
"""

import unicodedata
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from environments.catalyst_yaml import VARIABLE_NAME
from environments.markdown import TURNING
from environments.model import CommitSha, Value
from environments.overriding import Scope

SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=30)
"""What one command may ask for; how long a lease may be in all is its owner's matter."""
USUAL_KEEP = timedelta(days=7)
MAX_VALUE = 4096
"""Characters of a command or of a variable's value; as in `.catalyst.yaml`."""
MAX_LINE, MAX_REASON = 200, 400
"""Characters of a mistake that are told: histories and replies carry them."""


def hidden_in(text: str) -> str | None:
    """The first character that people can't see (control characters, marks that turn text around), as `U+202E`; None: there is none."""
    found = (c for c in text if c != "\t" and unicodedata.category(c) in TURNING)
    return next((f"U+{ord(c):04X}" for c in found), None)


def _visible(text: str) -> str:
    if hidden := hidden_in(text):
        raise ValueError(f"it has a character that can't be seen ({hidden})")
    return text


def _something(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    return text


def _whole_minutes(span: timedelta) -> timedelta:
    if span % timedelta(minutes=1):
        raise ValueError("it must be whole minutes")
    return span


Duration = Annotated[timedelta, Field(ge=SHORTEST, le=LONGEST), AfterValidator(_whole_minutes)]
Line = Annotated[str, Field(max_length=MAX_VALUE), AfterValidator(_visible)]


class Deploy(Value):
    """Serve the newest commit, also where the rules wouldn't by themselves."""

    verb: Literal["deploy"] = "deploy"


class Stop(Value):
    verb: Literal["stop"] = "stop"


class Start(Value):
    """Lift a stop."""

    verb: Literal["start"] = "start"


class Retry(Value):
    verb: Literal["retry"] = "retry"


class Sleep(Value):
    verb: Literal["sleep"] = "sleep"


class Wake(Value):
    verb: Literal["wake"] = "wake"


class Extend(Value):
    """Lengthen the lease."""

    verb: Literal["extend"] = "extend"
    duration: Duration


class Keep(Value):
    """No lease, no idleness and no closing removes it before `duration` is over; whoever carries it out tells when that is."""

    verb: Literal["keep"] = "keep"
    duration: Duration = USUAL_KEEP


class SetVariable(Value):
    """An override; lies in clear text in the comment, the resource and histories."""

    verb: Literal["env"] = "env"
    name: Annotated[str, Field(pattern=f"^(?:{VARIABLE_NAME.pattern})$")]
    value: Line
    scope: Scope = "environment"
    """Other than the API's: a comment is about its pull request unless it says `--project`."""


class SetCommand(Value):
    """An override of the dev command."""

    verb: Literal["command"] = "command"
    command: Annotated[Line, AfterValidator(_something)]
    scope: Scope = "environment"


class Reset(Value):
    """Take back what people overrode in that scope."""

    verb: Literal["reset"] = "reset"
    scope: Scope = "environment"


class ShowLogs(Value):
    verb: Literal["logs"] = "logs"


class ShowStatus(Value):
    verb: Literal["status"] = "status"


class ShowHelp(Value):
    verb: Literal["help"] = "help"


class Approve(Value):
    """A fork's commit may be cloned, built and run."""

    verb: Literal["approve"] = "approve"
    sha: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")] | None = None
    """As written, in lower case; None: none was."""

    def names(self, commit: CommitSha) -> bool:
        """Whether that very commit was written. An abbreviation names none: another commit with the same first seven digits is
        made within a minute, and its author chooses the moment to push it."""
        return self.sha == commit


Command = Annotated[
    Deploy
    | Stop
    | Start
    | Retry
    | Sleep
    | Wake
    | Extend
    | Keep
    | SetVariable
    | SetCommand
    | Reset
    | ShowLogs
    | ShowStatus
    | ShowHelp
    | Approve,
    Field(discriminator="verb"),
]
COMMAND: TypeAdapter[Command] = TypeAdapter(Command)


class Mistake(Value):
    """A line that begins as a command does and is none. All of it may hold others' words: it is escaped where it is shown."""

    line: Annotated[str, Field(max_length=MAX_LINE)]
    """Its beginning, as it was written."""
    reason: Annotated[str, Field(max_length=MAX_REASON)]
    """A sentence, names in it between backticks."""
    form: str = ""
    """How the command is written, as `/preview extend DURATION`; empty: nobody knows which was meant."""
    example: str
    """A line that would be right."""
