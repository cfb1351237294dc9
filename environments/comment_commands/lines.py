"""Which lines of a comment are commands: those that people see as lines of a paragraph of their own (issue 6).

A Markdown parser decides, since a line may be within a quote, a list, a code block, an HTML comment, or a code span that began three
lines before. In doubt a line is no command: bots with many rights repeat others' words.
"""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

MAX_COMMENT = 16_384
"""Characters. The parser takes a quarter of a second for as many at worst, and for four times as many (GitHub's own limit) four
seconds; the beginning alone may mean something else than the whole."""
PREFIX = "/preview"
CANDIDATE = re.compile(rf"^( {{0,3}})(?ai:{PREFIX})(?=\s|$)", re.MULTILINE)
"""Further in it is code; ASCII, because `ı` counts as an `i` otherwise."""
SENTINEL = "\ue000"
MARK = re.compile(f"{SENTINEL}([0-9]+){SENTINEL}")
FOOTNOTE = re.compile(r"^ {0,3}\[\^[^\]\n]+\]:", re.MULTILINE)
HALVES = re.compile("[\ud800-\udfff]")
"""Of characters: JSON can have them, UTF-8 can't."""
WRAPPING = "(?:blockquote|code|del|details|kbd|ol|pre|q|s|samp|strike|table|template|tt|ul)(?=[\\s/>])"
"""Elements that quote, list, hide or strike out what is in them, over empty lines too."""
TAG = re.compile(rf"<!--.*?-->|(<!--.*|<{WRAPPING})|(</{WRAPPING})", re.IGNORECASE | re.DOTALL)
"""What opens, and what closes; a comment that isn't closed where it began never is."""
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
"""GitHub's Markdown, as far as it matters here."""


def command_lines(comment: str) -> list[str]:
    """What stands behind `/preview` on each line that is a command, in order, without space around it. `comment`: within MAX_COMMENT."""
    lines = HALVES.sub("\ufffd", comment).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not any(map(CANDIDATE.match, lines)):
        return []
    return [CANDIDATE.sub("", lines[number]).strip() for number in _marks(PARSER.parse(_marked(lines)))]


def _marked(lines: list[str]) -> str:
    """The comment with a mark in each candidate's place: a parser says what became of a mark, not where a word came from.

    A footnote goes on as a quote does, and the parser knows no footnotes.
    """
    clean = (line.replace(SENTINEL, "\ufffd") for line in lines)
    marked = (CANDIDATE.sub(rf"\1{SENTINEL}{number}{SENTINEL}", line) for number, line in enumerate(clean))
    return FOOTNOTE.sub("> ", "\n".join(marked))


def _marks(tokens: list[Token]) -> Iterator[int]:
    """The lines whose mark is a word of a paragraph that is in nothing else."""
    wrapped = 0
    for token, inside in _of_the_page(tokens):
        if token.type in ("html_block", "html_inline"):
            wrapped = _wrapped(wrapped, token.content)
        elif token.type == "text" and not (wrapped or inside) and (mark := MARK.match(token.content)):
            yield int(mark[1])


def _of_the_page(tokens: list[Token]) -> Iterator[tuple[Token, int]]:
    """Blocks of HTML, and what is on the lines of paragraphs; with how many links, emphases and headings each is in."""
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.level == 0:
            yield token, 0
        elif token.level == 1 and token.type == "inline":
            inside = 0 if before and before.type == "paragraph_open" else 1
            for child in token.children or ():
                inside += child.nesting
                yield child, inside


def _wrapped(depth: int, html: str) -> int:
    """How many elements are open after it; one that was never opened closes nothing."""
    for found in TAG.finditer(html):
        depth = max(0, depth + bool(found[1]) - bool(found[2]))
    return depth
