"""What a terminal would show of a program's output, as plain text: safe to put on a pull request."""

import re

ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # titles, links, device strings
    r"|\x1b[ -/]*[0-~]",
    re.MULTILINE,
)
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""And the marks that turn text around: a stranger's log could make a line read as something else."""
MAX_LINE = 1000
"""Characters; a minified file in an error message is one line of a megabyte."""


def plain_text(data: bytes) -> str:
    text = data.decode("utf-8", errors="replace").replace("\r\n", "\n")
    return "\n".join(_shown(line) for line in ESCAPES.sub("", text).split("\n"))


def _shown(line: str) -> str:
    # A carriage return begins the line anew: of a progress bar only the last state was to be seen.
    parts = [part for part in line.split("\r") if part]
    line = CONTROLS.sub("", parts[-1] if parts else "")
    return line if len(line) <= MAX_LINE else line[:MAX_LINE] + " …"
