"""What to do about a command that failed, read from its last lines and its exit code. Pure."""

import re
from collections.abc import Sequence

from environments.containers import HINTS, MEMORY_HINT

MOST_OF_A_NAME = 80
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"[Mm]issing script:?\s*\"?([^\"\s]+)|Command \"([^\"]+)\" not found|Script not found \"([^\"]+)"),
        "package.json has no script `{}`: add it, or override the command.",
    ),
    (
        re.compile(r"EADDRINUSE[^\n]*?:(\d+)\b|[Pp]ort (\d+) is (?:already )?in use"),
        "Port {} is taken by another program in the pod: let the command use the variable PORT, or override the port.",
    ),
    (
        re.compile(r"Cannot find (?:module|package) '([^']+)'|No module named '?([\w.]+)|Can't resolve '([^']+)'"),
        "The module `{}` isn't installed: add it to the dependencies, and commit the lockfile.",
    ),
    (re.compile(r"heap out of memory|ENOMEM"), MEMORY_HINT),
    (
        re.compile(r"ENOSPC"),
        "The volume is full: remove what the project doesn't need, or raise the storage of the environment.",
    ),
    (
        re.compile(r"npm (?:error|ERR!) code (EUSAGE)|frozen-lockfile|lockfile.*(?:needs to be updated|out of date)"),
        "The lockfile doesn't fit package.json: run the install command locally and commit the lockfile.",
    ),
    (
        re.compile(r"ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN"),
        "It couldn't reach another host: previews reach package registries and the hosts approved for the project only.",
    ),
    (re.compile(r": not found$|command not found", re.MULTILINE), HINTS[127]),
)


def hint_for(tail: Sequence[str], exit_code: int | None, *, is_out_of_memory: bool = False) -> str:
    """One sentence; empty where nothing is known. The last line that says something counts."""
    if is_out_of_memory:
        return MEMORY_HINT
    for line in reversed(tail):
        for pattern, hint in PATTERNS:
            if found := pattern.search(line):
                return hint.format(_named(found))
    return HINTS.get(exit_code if exit_code is not None else -1, "")


def _named(found: re.Match[str]) -> str:
    """What the line names; backticks would end the code style that the name is shown in."""
    name = next((group for group in found.groups() if group), "")
    return name.replace("`", "")[:MOST_OF_A_NAME]
