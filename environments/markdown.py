"""Other people's words within our Markdown: log lines, error messages and names, none of which is to be trusted.

Nothing that comes in here can break out of its cell or fence, call a person, refer to an issue, or become a link, HTML, or a command
(`/preview stop` at the beginning of a line; other programs on a forge have such commands, too).
"""

import re
import unicodedata
from itertools import cycle

ZERO_WIDTH_SPACE = "\u200b"
"""Forges look for mentions, references and links in the rendered text, where a backslash is gone: this stays."""
TRIGGERS = re.compile(r"[@#]|!(?=[0-9])|:(?=//)|www(?=\.)|gh-(?=[0-9])|(?:mailto|xmpp)(?=:)", re.IGNORECASE)
SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[-+=/]")
"""What Markdown takes for more than itself, within a line or at its beginning; the rest stays as people search for it."""
ORDERED = re.compile(r"^([0-9]+)([.)])")
IN_BACKTICKS = re.compile(r"`([^`]+)`")
URL = re.compile(r"https?://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9._~/-]*)?")
TURNING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control characters, marks that turn text around or hide, halves of characters, separators of lines."""
MAX_LINE = 500
"""Characters of one log line."""
ENOUGH = 4
"""Times what is shown, of what is looked at: an error message can be a megabyte."""


def inline(text: str, limit: int) -> str:
    """As plain words on one line, at most `limit` characters before escaping."""
    return _escaped(_shortened(text, limit))


def sentence(text: str, limit: int) -> str:
    """Like inline(), with what stands between two backticks in code style, as our sentences have names and files."""
    parts = IN_BACKTICKS.split(_shortened(text, limit))
    return "".join(
        _code_or_words(part) if is_code else _escaped(part) for part, is_code in zip(parts, cycle((False, True)))
    )


def code(text: str, limit: int = 300) -> str:
    """A name (commit, namespace, address) in code style; what can't stand there is left out."""
    clean = re.sub(r"[^ -~]|[`|\\]", "", one_line(text[: ENOUGH * limit]))[:limit]
    return f"`{clean}`" if clean.strip() else "-"


def link(url: str) -> str:
    """A link to a URL of ours; anything else stays words."""
    return f"[{url}]({url})" if len(url) <= 300 and URL.fullmatch(url) else inline(url, 300)


def fence(text: str, max_lines: int, max_characters: int) -> str:
    """The last lines in a code fence that is longer than any run of backticks in it."""
    lines = (
        text[-ENOUGH * max_characters :].replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")[-max_lines:]
    )
    body = "\n".join(cut(_shown(line), MAX_LINE) for line in lines)[-max_characters:]
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}text\n{body}\n{marks}"


def one_line(text: str) -> str:
    return " ".join("".join(_visible(character) for character in text).split())


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _shortened(text: str, limit: int) -> str:
    return cut(one_line(text[: ENOUGH * limit]), limit)


def _escaped(words: str) -> str:
    guarded = TRIGGERS.sub(lambda found: found[0] + ZERO_WIDTH_SPACE, words)
    return ORDERED.sub(r"\1\\\2", SPECIAL.sub(r"\\\g<0>", guarded))


def _code_or_words(part: str) -> str:
    """What code style would leave out is worth more than the style."""
    shown = code(part, len(part))
    return shown if shown == f"`{part}`" else _escaped(f"`{part}`")


def _shown(line: str) -> str:
    return "".join(c for c in line if c == "\t" or unicodedata.category(c) not in TURNING)


def _visible(character: str) -> str:
    """A space for what separates, nothing for what hides."""
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in TURNING else character
