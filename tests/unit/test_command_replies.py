"""Answers to comments: when there is one, what it says, and that nothing in it calls, breaks out or commands."""

import re
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from environments.comment_commands import parse
from environments.comment_commands.commands import (
    MAX_LINE,
    MAX_REASON,
    Approve,
    Command,
    Extend,
    Mistake,
    Retry,
    SetVariable,
    ShowHelp,
    ShowLogs,
    ShowStatus,
    Stop,
)
from environments.comment_commands.parsing import MAX_COMMANDS
from environments.comment_commands.replies import (
    Declined,
    Done,
    Help,
    Logs,
    NotApproved,
    NotPermitted,
    Result,
    Status,
    reply,
    reply_marker,
)
from environments.messages import comment
from environments.model import CommitSha, Phase
from tests.unit.test_messages import HOSTILE, LOG, plain_words, report, tokens, view

HEAD, OTHER = CommitSha("0123456789" * 4), "f" * 40
LOGS = Logs(command=ShowLogs(), name="build", text=LOG, address="GET http://127.0.0.1:8781/api/v1/logs/build")
STATUS = Status(command=ShowStatus(), view=view(report(Phase.FAILED)))
HELP = Help(command=ShowHelp())


def not_permitted(command: Command, by: str = "bob", has: str = "read", repository: str = "team/shop") -> NotPermitted:
    return NotPermitted(command=command, by=by, repository=repository)


def mistakes(written: str) -> tuple[Mistake, ...]:
    return tuple(found for found in parse(written) if isinstance(found, Mistake))


def said(*results: Result) -> str:
    """Without its marker."""
    text = reply(results, 5)
    assert text is not None and text.startswith(f"{reply_marker(5)}\n\n")
    return text.removeprefix(f"{reply_marker(5)}\n\n")


class TestWhatIsSaid:
    def test_what_is_done_needs_no_words(self) -> None:
        assert reply((), 5) is None
        assert reply((Done(command=Stop()), Done(command=Retry())), 5) is None

    def test_who_may_not_and_who_may(self) -> None:
        assert said(not_permitted(Extend(duration=timedelta(days=2)))) == (
            "- `/preview extend 2d`: That needs write permission in `team/shop`, which bob doesn't have. "
            "Whoever has it can write the same line.\n"
        )

    def test_a_refusal_in_its_owners_words(self) -> None:
        refused = Declined(command=Retry(), reason="Pull request 7 is closed: reopen it.")
        assert said(refused) == "- `/preview retry`: Pull request 7 is closed: reopen it.\n"

    @pytest.mark.parametrize("written", [None, HEAD[:7], OTHER])
    def test_an_approval_of_no_commit_says_the_exact_line(self, written: str | None) -> None:
        text = said(NotApproved(command=Approve(sha=written), head=HEAD))
        assert ("Only a whole SHA names one commit." in text) == (written != OTHER)
        [line] = re.findall(r"write `(.+)`\.\n$", text)
        [approval] = parse(line)
        assert isinstance(approval, Approve) and approval.names(HEAD)

    @pytest.mark.parametrize(
        "written", ["/preview dpeloy", "/preview xyz", "/preview command npm run dev", "/preview stop now"]
    )
    def test_a_mistake_says_how_it_is_written(self, written: str, snapshot: SnapshotAssertion) -> None:
        assert said(*mistakes(written)) == snapshot

    def test_all_in_one(self, snapshot: SnapshotAssertion) -> None:
        refused = (NotApproved(command=Approve(), head=HEAD), not_permitted(Stop()))
        wrong = mistakes("/preview extend")
        assert said(LOGS, Done(command=Retry()), *refused, *wrong, STATUS, HELP) == snapshot

    def test_asked_twice_it_is_said_once(self) -> None:
        newer = LOGS.model_copy(update={"text": "newer"})
        assert said(LOGS, HELP, newer, HELP) == said(HELP, LOGS)

    @pytest.mark.parametrize("log", [{"name": ""}, {"text": " \n"}])
    def test_no_log_yet(self, log: dict[str, str]) -> None:
        assert said(LOGS.model_copy(update=log)) == "There is no log yet.\n"

    def test_a_reply_is_found_again_by_its_comment(self) -> None:
        assert reply_marker(5) not in str(reply((HELP,), 55))


# --- hostile words -----------------------------------------------------------------------------------------------

COMMANDED = st.lists(HOSTILE | st.sampled_from(["\n/preview stop\n", "\n\n/preview stop\n\n", "</details>"])).map(
    "".join
)
NO_HALVES = COMMANDED.map(lambda text: text.encode(errors="replace").decode())
LINES = NO_HALVES.map(lambda text: " ".join(text.split()))
RESULTS: st.SearchStrategy[Result] = st.one_of(
    st.builds(not_permitted, st.just(Stop()), NO_HALVES, NO_HALVES, NO_HALVES),
    st.builds(Declined, command=st.just(Retry()), reason=NO_HALVES),
    st.builds(Mistake, line=NO_HALVES.map(lambda text: text[:MAX_LINE]), form=NO_HALVES, example=NO_HALVES,
              reason=NO_HALVES.map(lambda text: text[:MAX_REASON])),
    st.builds(Logs, command=st.just(ShowLogs()), name=NO_HALVES, text=NO_HALVES, address=NO_HALVES),
    st.builds(lambda text: Status(command=ShowStatus(), view=view(report(Phase.FAILED, message=text))), NO_HALVES),
    LINES.map(lambda line: next(iter(mistakes(f"/preview {line}")), HELP)),
)  # fmt: skip


@given(st.lists(RESULTS, min_size=1, max_size=MAX_COMMANDS))
def test_nothing_in_an_answer_is_a_command(results: list[Result]) -> None:
    """The forge tells us of our own comments, too."""
    assert parse(str(reply(tuple(results), 5))) == ()


@given(COMMANDED, COMMANDED, COMMANDED)
@example("/preview stop", "", "")
def test_nor_is_anything_in_the_comment_of_the_preview(message: str, note: str, log: str) -> None:
    told = view(report(Phase.FAILED, message=message, notes=(note,), refused=note), log=log)
    assert parse(comment(told)) == ()


@given(st.lists(RESULTS, min_size=1, max_size=MAX_COMMANDS))
def test_nothing_breaks_out_or_calls_anybody(results: list[Result]) -> None:
    found = tokens(said(*results))
    lines = [each for each in results if not isinstance(each, Help | Status | Logs)]
    kinds = [token.type for token in found]
    assert kinds.count("list_item_open") == len(lines)
    assert not {"image", "blockquote_open", "ordered_list_open", "em_open", "code_block", "html_block", "html_inline",
                "heading_open", "link_open"} & set(kinds)  # fmt: skip
    assert not re.search(r"@[A-Za-z0-9]|#[0-9]|![0-9]|://|www\.|gh-[0-9]", plain_words(found), re.IGNORECASE)


@pytest.mark.parametrize("character", ["`", "|", "\\", "@", "é", "<", "a", "𝔸", "\n"])
def test_bounded(character: str) -> None:
    much = character * 100_000
    mistake = Mistake(line=much[:MAX_LINE], reason=much[:MAX_REASON], form=much, example=much)
    variable = SetVariable(name="A", value=much[:4096].replace("\n", " "))
    status = STATUS.model_copy(update={"view": view(report(Phase.FAILED, message=much))})
    logs = Logs(command=ShowLogs(), name=much, text=f"{much}\nend\n" * 3, address=much)
    most: list[Result] = [not_permitted(variable, much, much, much), Declined(command=variable, reason=much), mistake]
    most *= 90
    assert len(said(*most, status, logs, HELP)) < 60_000
