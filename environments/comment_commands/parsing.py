"""From a comment to its commands, and from a command to the line that says it. Pure, bounded, never an exception."""

import re
import shlex
from difflib import get_close_matches

from environments.comment_commands.commands import COMMAND, MAX_LINE, Command, Mistake
from environments.comment_commands.lines import CANDIDATE, MAX_COMMENT, PREFIX, command_lines
from environments.comment_commands.table import TABLE, Row, Wrong, row_of
from environments.markdown import cut

MAX_COMMANDS = 10
"""Of one comment; the others aren't looked at, and that is told."""
TOO_LONG = f"No command is looked for in a comment longer than {MAX_COMMENT:,} characters: write it in one of its own."
MAX_VERB = 40
HELP = f"{PREFIX} help"
FOR_PROJECT = "--project"
OPTION = re.compile(r"(?:--|—)(?=.)")
"""Telephones make a dash of two hyphens."""
ROUND_QUOTE = re.compile("[‘’“”„«»]")
SPACES = "".join(filter(str.isspace, map(chr, range(0x3001))))
"""All that are spaces, since some keyboards and editors write others than the usual one."""


def parse(comment: str) -> tuple[Command | Mistake, ...]:
    """The commands of one comment, in order, at most ten; nothing where none is meant (lines.command_lines)."""
    if len(comment) > MAX_COMMENT:
        return (_mistake("", TOO_LONG),) if CANDIDATE.search(comment) else ()
    lines = command_lines(comment)
    found = tuple(map(_read, lines[:MAX_COMMANDS]))
    if len(lines) <= MAX_COMMANDS:
        return found
    reason = f"A comment has at most {MAX_COMMANDS} commands, and this is the next: write another comment."
    return (*found, _mistake(lines[MAX_COMMANDS], reason))


def render(command: Command) -> str:
    """The line that says it: `parse(render(command)) == (command,)`."""
    row = row_of(command)
    words = [PREFIX, row.verb]
    if getattr(command, "scope", "") == "project":
        words.append(FOR_PROJECT)
    if row.argument and (word := row.argument.write(command)) is not None:
        words += ["--", shlex.quote(word)] if word.startswith(("--", "—")) else [shlex.quote(word)]
    return " ".join(words)


def _read(line: str) -> Command | Mistake:
    """`line`: what stands behind the prefix."""
    verb, *rest = line.split(maxsplit=1) or ["help"]
    row = TABLE.get(verb.lower())
    if row is None:
        return _unknown(line, verb)
    try:
        argument, scope = _parts(row, _words(rest[0] if rest else ""))
        fields = row.argument.read(argument) if row.argument and argument is not None else {}
    except Wrong as wrong:
        return _mistake(line, str(wrong), row)
    return COMMAND.validate_python({"verb": row.verb, **fields, **scope})


def _unknown(line: str, verb: str) -> Mistake:
    shown = f"There is no `{cut(verb, MAX_VERB)}`."
    nearest = get_close_matches(verb[:MAX_VERB].lower(), TABLE, n=1)
    return _mistake(line, f"{shown} Is `{nearest[0]}` meant?", TABLE[nearest[0]]) if nearest else _mistake(line, shown)


def _words(text: str) -> list[str]:
    """As a shell reads them. Raises Wrong."""
    reader = shlex.shlex(text, posix=True)
    reader.whitespace, reader.whitespace_split, reader.commenters = SPACES, True, ""
    try:
        words = list(reader)
    except ValueError as error:
        raise Wrong("A quote isn't closed, or a `\\` stands at the end: put the whole between two `\"`.") from error
    if ROUND_QUOTE.search(text) and not {'"', "'"} & set(text):
        raise Wrong('Quotes must be straight ones, `"`.')
    return words


def _parts(row: Row, words: list[str]) -> tuple[str | None, dict[str, str]]:
    """The argument, and the scope where one is said. Options may stand anywhere before a `--`. Raises Wrong."""
    end = words.index("--") if "--" in words else len(words)
    options = [word for word in words[:end] if OPTION.match(word)]
    arguments = [word for word in words[:end] if not OPTION.match(word)] + words[end + 1 :]
    _check_options(row, options)
    return _only(row, arguments), {"scope": "project"} if options else {}


def _check_options(row: Row, options: list[str]) -> None:
    if any(OPTION.sub("--", option).lower() != FOR_PROJECT for option in options):
        raise Wrong(f"The only option is `{FOR_PROJECT}`; write `--` before what begins so and is none.")
    if options and not row.may_be_for_project:
        raise Wrong(f"`{row.verb}` is for this preview only, never for the project.")


def _only(row: Row, arguments: list[str]) -> str | None:
    if row.argument is None and arguments:
        raise Wrong(f"Nothing may follow `{row.verb}` on its line.")
    if row.argument is None or (row.argument.is_optional and not arguments):
        return None
    if not arguments:
        raise Wrong(f"`{row.verb}` needs something behind it.")
    if len(arguments) > 1:
        raise Wrong(f'`{row.verb}` takes one argument: put what has spaces in it between two `"`.')
    return arguments[0]


def _mistake(line: str, reason: str, row: Row | None = None) -> Mistake:
    written = cut(f"{PREFIX} {line}".rstrip(), MAX_LINE)
    return Mistake(line=written, reason=reason, form=row.form if row else "", example=row.example if row else HELP)
