"""Commands in comments: what each line says, what is wrong with one that says nothing, and the table behind it."""

import re
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from deploy.docs.__main__ import texts
from environments.comment_commands import parse, render, row_of
from environments.comment_commands.commands import (
    COMMAND,
    LONGEST,
    MAX_VALUE,
    SHORTEST,
    Approve,
    Command,
    Deploy,
    Extend,
    Keep,
    Mistake,
    Reset,
    Retry,
    SetCommand,
    SetVariable,
    ShowHelp,
    ShowLogs,
    ShowStatus,
    Sleep,
    Start,
    Stop,
    Wake,
    hidden_in,
)
from environments.comment_commands.obeying import NOT_OFFERED, command_refusal, override_of
from environments.comment_commands.parsing import MAX_COMMANDS
from environments.comment_commands.replies import help_text
from environments.comment_commands.table import ROWS, Row
from environments.model import CommitSha, EnvironmentKey, Message, NamespaceName, PullRequest
from environments.policy import Wishes
from environments.refusals import Refusal
from environments.work import SeenPullRequest
from tests.unit.test_policy import FORK, pull_request

SHA = "0123456789" * 4
VERBS = {get_args(kind.model_fields["verb"].annotation)[0]: kind for kind in get_args(get_args(Command)[0])}


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        ("line", "command"),
        [
            ("/preview", ShowHelp()),
            ("/preview \t ", ShowHelp()),
            ("/preview deploy", Deploy()),
            ("/preview stop", Stop()),
            ("/preview start", Start()),
            ("/preview retry", Retry()),
            ("/preview sleep", Sleep()),
            ("/preview wake", Wake()),
            ("/preview extend 2d", Extend(duration=timedelta(days=2))),
            ("/preview extend 05m", Extend(duration=timedelta(minutes=5))),
            ("/preview extend 12H", Extend(duration=timedelta(hours=12))),
            ("/preview extend 1w", Extend(duration=timedelta(weeks=1))),
            ("/preview extend 30d", Extend(duration=timedelta(days=30))),
            ("/preview keep", Keep(duration=timedelta(days=7))),
            ("/preview keep 3d", Keep(duration=timedelta(days=3))),
            ("/preview env A=1", SetVariable(name="A", value="1")),
            ("/preview env A=", SetVariable(name="A", value="")),
            ("/preview env a.b-c=x=y", SetVariable(name="a.b-c", value="x=y")),
            ('/preview env "A=two words"', SetVariable(name="A", value="two words")),
            ("/preview env A='$(x) `y` # \"z\"'", SetVariable(name="A", value='$(x) `y` # "z"')),
            ("/preview env URL=http://a/#b", SetVariable(name="URL", value="http://a/#b")),
            ("/preview env A=*x*_y_", SetVariable(name="A", value="*x*_y_")),
            ("/preview env A=&amp;", SetVariable(name="A", value="&amp;")),
            ('/preview command "npm run dev"', SetCommand(command="npm run dev")),
            ("/preview command make", SetCommand(command="make")),
            ('/preview command "a -- --b"', SetCommand(command="a -- --b")),
            ("/preview command -- --b", SetCommand(command="--b")),
            ("/preview command --project -- --project", SetCommand(command="--project", scope="project")),
            ("/preview reset", Reset(scope="environment")),
            ("/preview reset --project", Reset(scope="project")),
            ("/preview env --project A=1", SetVariable(name="A", value="1", scope="project")),
            ("/preview env A=1 --PROJECT", SetVariable(name="A", value="1", scope="project")),
            ("/preview env A=1 —project", SetVariable(name="A", value="1", scope="project")),
            ("/preview logs", ShowLogs()),
            ("/preview status", ShowStatus()),
            ("/preview help", ShowHelp()),
            ("/preview approve", Approve(sha=None)),
            ("/preview approve ABCDEF0", Approve(sha="abcdef0")),
            (f"/preview approve {SHA}", Approve(sha=SHA)),
            ("/PreVIEW StOp", Stop()),
            ("/preview\u00a0extend\u30002d", Extend(duration=timedelta(days=2))),
            ("/preview env A=1\u00a0--project", SetVariable(name="A", value="1", scope="project")),
        ],
    )
    def test_a_line(self, line: str, command: Command) -> None:
        assert parse(line) == (command,)

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("/preview dpeloy", "There is no `dpeloy`. Is `deploy` meant?"),
            ("/preview REDEPLOY", "There is no `REDEPLOY`. Is `deploy` meant?"),
            ("/preview doesn't work", "There is no `doesn't`."),
            (f"/preview {'x' * 10_000}", f"There is no `{'x' * 39}…`."),
            ("/preview ſtop", "There is no `ſtop`. Is `stop` meant?"),
            ("/preview --project", "There is no `--project`."),
            ("/preview stop now", "Nothing may follow `stop` on its line."),
            ("/preview stop /preview start", "Nothing may follow `stop` on its line."),
            ("/preview stop --project", "`stop` is for this preview only, never for the project."),
            ("/preview approve --project", "`approve` is for this preview only, never for the project."),
            ("/preview extend", "`extend` needs something behind it."),
            ("/preview command", "`command` needs something behind it."),
            ("/preview env", "`env` needs something behind it."),
            ("/preview extend 2", "A duration is a whole number"),
            ("/preview extend d", "A duration is a whole number"),
            ("/preview extend -2d", "A duration is a whole number"),
            ("/preview extend 1.5d", "A duration is a whole number"),
            ("/preview extend ٢d", "A duration is a whole number"),
            ("/preview extend 2d12h", "A duration is a whole number"),
            (f"/preview extend {'9' * 5000}d", "A duration is a whole number"),
            ("/preview extend 4m", "A duration is 5m to 30d."),
            ("/preview extend 31d", "A duration is 5m to 30d."),
            ("/preview extend 99999w", "A duration is 5m to 30d."),
            ("/preview keep 0m", "A duration is 5m to 30d."),
            ("/preview extend 1d 2d", "`extend` takes one argument"),
            ("/preview command npm run dev", "`command` takes one argument: put what has spaces in it"),
            ("/preview env A=1 B=2", "`env` takes one argument"),
            ("/preview env A", "A variable is written `NAME=VALUE`"),
            ("/preview env =1", "The name of a variable begins"),
            ("/preview env 1A=1", "The name of a variable begins"),
            ("/preview env Ä=1", "The name of a variable begins"),
            (f"/preview env {'A' * 254}=1", "The name of a variable begins"),
            ("/preview env --projcet A=1", "The only option is `--project`"),
            ('/preview command "  "', "The command is empty"),
            ('/preview command ""', "The command is empty"),
            ('/preview command "npm run dev', "A quote isn't closed"),
            ("/preview command npm\\", "A quote isn't closed"),
            ("/preview command “npm run dev”", "Quotes must be straight ones"),
            ("/preview env A=„b“", "Quotes must be straight ones"),
            (f"/preview env A={'x' * (MAX_VALUE + 1)}", "The value is longer than 4096 characters."),
            (f"/preview command {'x' * (MAX_VALUE + 1)}", "The command is longer than 4096 characters."),
            ("/preview env A=a\u202eb", "The value has a character in it that can't be seen (`U+202E`)"),
            ("/preview command a\x1bb", "The command has a character in it that can't be seen (`U+001B`)"),
            ("/preview env A=a\x00b", "The value has a character in it that can't be seen (`U+0000`)"),
            ("/preview approve 123456", "A commit is named by its SHA"),
            ("/preview approve HEAD", "A commit is named by its SHA"),
            (f"/preview approve {'a' * 65}", "A commit is named by its SHA"),
        ],
    )
    def test_a_mistake_says_what_is_right(self, line: str, reason: str) -> None:
        (found,) = parse(line)
        assert isinstance(found, Mistake) and found.reason.startswith(reason)
        assert line.startswith(found.line.removesuffix("…"))
        (right,) = parse(found.example)
        assert not isinstance(right, Mistake)
        assert found.form == ("" if right == ShowHelp() else row_of(right).form)

    def test_the_longest_that_is_taken(self) -> None:
        assert parse(f"/preview env {'A' * 253}={'x' * MAX_VALUE}") == (
            SetVariable(name="A" * 253, value="x" * MAX_VALUE),
        )

    def test_half_a_character_is_none(self) -> None:
        (found,) = parse("/preview env A=\ud800b")
        assert isinstance(found, SetVariable) and found.value == "\ufffdb"

    def test_several_in_their_order_and_a_mistake_among_them(self) -> None:
        first, second, third = parse("Please:\n/preview env A=1\n/preview sotp\n\nand\n\n/preview retry")
        assert (first, third) == (SetVariable(name="A", value="1"), Retry())
        assert isinstance(second, Mistake) and second.example == "/preview stop"

    def test_ten_of_a_comment_and_a_word_about_the_others(self) -> None:
        *found, more = parse("/preview retry\n" * 50)
        assert found == [Retry()] * MAX_COMMANDS
        assert isinstance(more, Mistake) and "at most 10 commands" in more.reason
        assert parse("/preview retry\n" * 10) == (Retry(),) * 10


class TestTable:
    def test_it_has_every_verb_and_no_other(self) -> None:
        assert [row.verb for row in ROWS] == list(dict.fromkeys(row.verb for row in ROWS))
        assert {row.verb for row in ROWS} == set(VERBS)

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row.verb)
    def test_each_example_is_that_rows_command(self, row: Row) -> None:
        (found,) = parse(row.example)
        assert not isinstance(found, Mistake) and row_of(found) is row

    @pytest.mark.parametrize("verb", VERBS)
    def test_what_has_a_scope_may_be_for_the_project(self, verb: str) -> None:
        [row] = [row for row in ROWS if row.verb == verb]
        assert row.may_be_for_project == ("scope" in VERBS[verb].model_fields)

    def test_what_changes_anything_needs_the_permission_to_write(self) -> None:
        reading = {row.verb for row in ROWS if row.permission == "read"}
        assert reading == {row.verb for row in ROWS if not row.is_change} == {"logs", "status", "help"}

    def test_the_help_names_what_is_carried_out_and_gives_no_command(self) -> None:
        offered = re.findall(r"^\| `/preview (\w+)", help_text(), re.MULTILINE)
        assert offered == [row.verb for row in ROWS if row.is_offered]
        for row in ROWS:
            (command,) = parse(row.example)
            assert not isinstance(command, Mistake)
            why = command_refusal(command, seen(), Wishes(), None)
            assert (why == NOT_OFFERED) is not row.is_offered
        assert parse(help_text()) == ()

    def test_the_page_is_current(self) -> None:
        stale = [file.name for file, text in texts().items() if not file.exists() or file.read_text() != text]
        assert stale == [], "run python -m deploy.docs"


class TestApproval:
    @pytest.mark.parametrize("written", [None, SHA[:7], SHA[:39], "a" * 40])
    def test_nothing_but_the_whole_sha_names_a_commit(self, written: str | None) -> None:
        assert not Approve(sha=written).names(CommitSha(SHA))
        assert Approve(sha=SHA).names(CommitSha(SHA))


# --- values ------------------------------------------------------------------------------------------------------

MINUTES = st.integers(SHORTEST // timedelta(minutes=1), LONGEST // timedelta(minutes=1))
DURATIONS = MINUTES.map(lambda minutes: timedelta(minutes=minutes))
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
PIECES = ("--", "—", "--project", "'", '"', "\\", "`", "=", "#", "“", "<!--", "|", "\t", "\u00a0", "\ue000", "/preview")
TEXTS = st.lists(
    st.sampled_from(PIECES) | st.text(max_size=5).filter(lambda text: hidden_in(text) is None), max_size=8
).map("".join)
SCOPES = st.sampled_from(["environment", "project"])
COMMANDS = st.one_of(
    st.sampled_from([Deploy(), Stop(), Start(), Retry(), Sleep(), Wake(), ShowLogs(), ShowStatus(), ShowHelp()]),
    st.builds(Extend, duration=DURATIONS),
    st.builds(Keep, duration=DURATIONS),
    st.builds(SetVariable, name=NAMES, value=TEXTS, scope=SCOPES),
    st.builds(SetCommand, command=TEXTS.filter(str.strip), scope=SCOPES),
    st.builds(Reset, scope=SCOPES),
    st.builds(Approve, sha=st.none() | st.from_regex(r"[0-9a-f]{7,64}", fullmatch=True)),
)


@given(COMMANDS)
@example(SetCommand(command="--"))
@example(SetCommand(command="—project", scope="project"))
def test_what_is_rendered_is_read_again(command: Command) -> None:
    assert parse(render(command)) == (command,)
    assert parse(f"Words before\n{render(command)}\nand after.") == (command,)


@given(COMMANDS)
def test_commands_survive_a_history(command: Command) -> None:
    assert COMMAND.validate_json(COMMAND.dump_json(command)) == command


@pytest.mark.parametrize(
    "fields",
    [
        {"verb": "extend", "duration": 60},
        {"verb": "extend", "duration": 301},
        {"verb": "keep", "duration": 31 * 86_400},
        {"verb": "env", "name": "A B", "value": ""},
        {"verb": "env", "name": "A\n", "value": ""},
        {"verb": "env", "name": "A", "value": "a\nb"},
        {"verb": "env", "name": "A", "value": "a", "scope": "team"},
        {"verb": "command", "command": " "},
        {"verb": "approve", "sha": "ABCDEF0"},
        {"verb": "delete"},
    ],
)
def test_no_command_is_out_of_bounds_wherever_it_comes_from(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        COMMAND.validate_python(fields)


def seen(found: PullRequest | None = None, refusal: Refusal | None = None) -> SeenPullRequest:
    return SeenPullRequest.model_validate({**(found or pull_request()).model_dump(), "refusal": refusal})


class TestObeying:
    HERE = EnvironmentKey(namespace=NamespaceName("team-shop"), name="pr-7")

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("/preview deploy", ""),
            ("/preview retry", ""),
            ("/preview stop", ""),
            ("/preview reset", ""),
            ("/preview env A=b --project", ""),
            ('/preview command "npm start"', ""),
            (f"/preview approve {FORK.head_sha}", "It doesn't come from a fork"),
            ("/preview approve", "whole SHA"),
        ],
    )
    def test_of_an_open_pull_request(self, line: str, said: str) -> None:
        (command,) = parse(line)
        assert not isinstance(command, Mistake)
        why = command_refusal(command, seen(), Wishes(), self.HERE)
        assert said in why if said else why == ""

    def test_why_not(self) -> None:
        stopped = Wishes(stopped_by="alice")
        assert "by alice" in command_refusal(Stop(), seen(), stopped, self.HERE)
        assert command_refusal(Start(), seen(), stopped, self.HERE) == ""
        assert "closed" in command_refusal(Retry(), seen(pull_request(is_open=False)), Wishes(), self.HERE)
        assert "closed" in command_refusal(Retry(), None, Wishes(), None)
        assert command_refusal(SetCommand(command="x"), seen(), Wishes(), None)
        assert command_refusal(Approve(sha=FORK.head_sha), seen(FORK), Wishes(), None) == ""

    def test_what_a_rule_or_a_fork_still_stands_against_is_said(self) -> None:
        never = Refusal(message=Message(reason="PreviewsOff", text="Previews are off."))
        yielding = Refusal(message=Message(reason="Draft", text="It is a draft."), yields=True)
        for command in (Deploy(), Start(), Retry()):
            assert command_refusal(command, seen(refusal=never), Wishes(), None) == "Previews are off."
            assert "/preview approve" in command_refusal(command, seen(FORK), Wishes(), None)
        assert command_refusal(Deploy(), seen(refusal=yielding), Wishes(), None) == ""
        assert command_refusal(Retry(), seen(refusal=yielding), Wishes(), None) == "It is a draft."
        assert command_refusal(Retry(), seen(refusal=yielding), Wishes(requested_by="ada"), None) == ""

    def test_what_a_setting_asks_for(self) -> None:
        one = override_of(SetVariable(name="A", value="b"), "ada")
        assert (one.by, one.env, one.scope, one.reset) == ("ada", {"A": "b"}, "environment", False)
        all_of_them = override_of(SetCommand(command="make run", scope="project"), "ada")
        assert (all_of_them.command, all_of_them.scope) == ("make run", "project")
        assert override_of(Reset(), "ada").reset
