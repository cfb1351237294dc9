"""Where a line of a comment is a command: nobody gives one without meaning it, however hostile the comment."""

import re
import time
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from environments.comment_commands import parse
from environments.comment_commands.commands import Extend, Mistake, Stop
from environments.comment_commands.lines import MAX_COMMENT
from environments.comment_commands.parsing import MAX_COMMANDS


class TestWhereALineIsACommand:
    @pytest.mark.parametrize(
        "comment",
        [
            "/preview stop",
            "   /preview stop   ",
            "\r\n/preview stop\r\n",
            "Words.\n/preview stop\nWords.",
            "Words.\r/preview stop",
            "Words.  \n/preview stop",
            "Words.\\\n/preview stop",
            "> quoted\n\n/preview stop",
            "- a\n- b\n\n/preview stop",
            "# Title\n/preview stop",
            "---\n/preview stop",
            "```\ncode\n```\n/preview stop",
            "`code`\n/preview stop",
            "a ` b\n/preview stop",
            "a * b\n/preview stop",
            "a <b\n/preview stop",
            "<!-- c -->\n/preview stop",
            "<!-- <details> -->\n\n/preview stop",
            "<div>\n<!-- a --><!-- b -->\n</div>\n\n/preview stop",
            '<img src="x">\n\n/preview stop',
            "<details>\n\nlong\n\n</details>\n\n/preview stop",
            "a <kbd>b</kbd>\n/preview stop",
            "put <your name> here\n/preview stop",
            "[a]: /b\n\n/preview stop",
            "/preview stop\n\n---",
            "![a](b)\n/preview stop",
        ],
    )
    def test_it_is(self, comment: str) -> None:
        assert parse(comment) == (Stop(),)

    @pytest.mark.parametrize(
        "comment",
        [
            # not at its beginning, or another word
            "please /preview stop",
            "text /preview stop\ntext",
            "@bot /preview stop",
            "/previewstop",
            "/preview: stop",
            "/preview-stop",
            "/preview/stop",
            "//preview stop",
            "\\/preview stop",
            "／preview stop",
            "/prevıew stop",
            "/pre\u200bview stop",
            "\u200b/preview stop",
            "\ufeff/preview stop",
            "a\u2028/preview stop",
            "a\x85/preview stop",
            "a\x0b/preview stop",
            "\u00a0/preview stop",
            "**/preview stop**",
            "`/preview stop`",
            "[/preview stop](x)",
            "<b>/preview stop</b>",
            # quotes, lists, headings, tables
            "> /preview stop",
            ">/preview stop",
            "> a\n/preview stop",
            "> > a\n/preview stop",
            "> [!NOTE]\n> /preview stop",
            "- /preview stop",
            "- a\n/preview stop",
            "- a\n\n  /preview stop",
            "1. /preview stop",
            "* [ ] /preview stop",
            "# /preview stop",
            "/preview stop\n---",
            "/preview stop\n===",
            "| a |\n|---|\n/preview stop",
            "/preview stop | b\n--- | ---",
            # code
            "    /preview stop",
            "\t/preview stop",
            " \t/preview stop",
            "a\n\n    /preview stop",
            "a\n    /preview stop",
            "```\n/preview stop\n```",
            "~~~\n/preview stop\n~~~",
            "```\n/preview stop",
            "~~~~\n~~~\n/preview stop\n~~~~",
            "````\n```\n/preview stop\n```\n````",
            "```sh\n/preview stop\n~~~\n/preview stop\n```",
            "```\r\n/preview stop\r\n```",
            "```\r/preview stop\r```",
            "  ```\n/preview stop\n  ```",
            "`\n/preview stop\n`",
            "a ``b\n/preview stop\nc`` d",
            # HTML, seen and unseen
            "<!--\n/preview stop\n-->",
            "<!--\n\n/preview stop\n\n-->",
            "<!--\n/preview stop",
            "a <!--\n/preview stop\n--> b",
            "<details>\n/preview stop\n</details>",
            "<details>\n\n/preview stop\n\n</details>",
            "<DETAILS open>\n\n/preview stop",
            "<details><details></details>\n\n/preview stop",
            "<details>\n\n<!-- </details> -->\n\n/preview stop",
            "</details>\n\n<details>\n\n/preview stop",
            "a <blockquote>\n\n/preview stop",
            "<div>\n<!--\n\n/preview stop\n\n-->\n</div>",
            "<blockquote>\n\n/preview stop\n\n</blockquote>",
            "<pre>\n\n/preview stop\n\n</pre>",
            "<pre>\n/preview stop",
            "a <code>\n/preview stop\n</code>",
            "<del>\n\n/preview stop\n\n</del>",
            "<ul><li>\n\n/preview stop\n\n</li></ul>",
            "<script>\n/preview stop\n</script>",
            "<?php\n/preview stop\n?>",
            "<![CDATA[\n/preview stop\n]]>",
            "<div>\n/preview stop\n</div>",
            '<a title="\n/preview stop\n">b</a>',
            # within something that began on another line
            "*a\n/preview stop*",
            "**a\n/preview stop\nb**",
            "~~a\n/preview stop~~",
            "[a\n/preview stop](b)",
            "[a](b 'c\n/preview stop\n')",
            "![a\n/preview stop\n](b)",
            "[a]:\n/preview\n",
            "[a]: b\n'\n/preview stop\n'",
            "[^1]: a note\n/preview stop",
            "[^1]: note\n/preview stop",
            # ours
            "\ue0000\ue000 stop",
            "\ue0000\ue000\n\n```\n/preview stop\n```",
        ],
    )
    def test_it_is_not(self, comment: str) -> None:
        assert parse(comment) == ()
        assert parse(f"{comment}\n\nwords") == ()

    def test_a_comment_that_is_too_long_is_told_so(self) -> None:
        """Cut, its end could be missing that makes code of it."""
        tail = "\n/preview stop"
        assert parse("a" * (MAX_COMMENT - len(tail)) + tail) == (Stop(),)
        assert parse("a" * (MAX_COMMENT + 1)) == ()
        (found,) = parse("a" * (MAX_COMMENT - len(tail) + 1) + tail)
        assert isinstance(found, Mistake) and "longer than 16,384 characters" in found.reason


# --- hostile comments --------------------------------------------------------------------------------------------

NUMBERED = st.integers(5, 40).map(lambda minutes: f"/preview extend {minutes}m")
MARKS = st.sampled_from(
    [
        *("\n", "\n\n", "\r\n", " ", "    ", "\t", "> ", "- ", "1. ", "# ", "---", "===", "|", "\\", "a", "/preview"),
        *("`", "``", "```", "````", "~~~", "~~", "*", "**", "_", "[", "]", "](", ")", "![", "[^1]:", "[a]:", "'", '"'),
        *("<!--", "-->", "<details>", "</details>", "<blockquote>", "</blockquote>", "<code>", "</code>"),
        *("<b>", "</b>", "<a b='", "\ue000", "\ue0000\ue000", "\x00", "\u2028", "\ud800", "&lt;", "|-|-|", "| a | b |"),
    ]
)
COMMENTS = st.lists(NUMBERED | st.just("\n") | MARKS | st.text(max_size=3), max_size=25).map("".join)
QUOTING = {"blockquote", "li", "code", "pre", "details", "em", "strong", "s", "a", "td", "th", "h1", "h2"}


class Seen(HTMLParser):
    """What stands at the beginning of a line, in a paragraph that is in nothing that quotes, as a browser has it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.lines: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "p" in self.open and not QUOTING & set(self.open):
            self.lines += data.split("\n")


def spans(comment: str) -> list[timedelta]:
    return [found.duration for found in parse(comment) if isinstance(found, Extend)]


@given(COMMENTS)
def test_nothing_is_a_command_that_people_dont_see_as_a_line_of_its_own(comment: str) -> None:
    """Rendered and read as a browser does, which knows nothing of our marks."""
    readable = comment.encode(errors="replace").decode()
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(readable)
    begins = [re.match(r"\s*/preview extend ([0-9]+)m", line) for line in Seen(html).lines]
    seen = {int(found[1]) for found in begins if found}
    assert {span // timedelta(minutes=1) for span in spans(comment)} <= seen


@given(COMMENTS)
def test_never_an_exception_and_bounded(comment: str) -> None:
    found = parse(comment)
    assert len(found) <= MAX_COMMANDS + 1
    for each in found:
        assert len(each.model_dump_json().encode()) < 10_000


@given(COMMENTS)
def test_quoted_it_is_nothing(comment: str) -> None:
    lines = comment.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert parse("\n".join(f"> {line}" for line in lines)) == ()
    assert parse("\n".join(f"    {line}" for line in lines)) == ()
    assert parse("- a\n\n" + "\n".join(f"  {line}" for line in lines)) == ()


@given(COMMENTS, st.sampled_from("`~"), st.booleans())
def test_fenced_it_is_nothing(comment: str, character: str, is_closed: bool) -> None:
    marks = character * (max([2, *map(len, re.findall(f"{character}+", comment))]) + 1)
    assert parse(f"{marks}\n{comment}" + (f"\n{marks}" if is_closed else "")) == ()


@given(COMMENTS.filter(lambda comment: "-->" not in comment))
def test_in_an_html_comment_it_is_nothing(comment: str) -> None:
    assert parse(f"<!-- a\n{comment}\n-->\n") == ()


@given(COMMENTS.filter(lambda comment: "</" not in comment))
def test_folded_away_it_is_nothing(comment: str) -> None:
    assert parse(f"<details>\n\n{comment}\n\n</details>\n") == ()


@given(st.lists(NUMBERED, min_size=1, max_size=5), st.text("ab .,", max_size=9))
def test_between_words_all_are_found(lines: list[str], words: str) -> None:
    comment = f"\n{words}\n".join(lines)
    assert [f"/preview extend {span // timedelta(minutes=1)}m" for span in spans(comment)] == lines


@pytest.mark.parametrize(
    "piece", ["`", "``a", "[", "![", "![[](", "<", "<!--", "<a ", "*a_ ", "**a *", "> ", "- ", "\\", "&#", "~~a ", "|-"]
)
def test_no_comment_takes_long(piece: str) -> None:
    comment = "/preview stop\n" + piece * ((MAX_COMMENT - 20) // len(piece))
    began = time.process_time()
    parse(comment)
    assert time.process_time() - began < 3, "0.3 s at most, on a machine that does nothing else"
