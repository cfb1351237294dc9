"""What people read on a pull request: snapshots of each phase, and that nothing from outside breaks out."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from syrupy.assertion import SnapshotAssertion

from environments.deletions import deleter
from environments.markdown import fence, inline, sentence
from environments.messages import COMMENT_MARKER, CommentView, comment, commit_status, current_details, duration
from environments.model import (
    CommitSha,
    EnvironmentKey,
    Message,
    NamespaceName,
    Phase,
    PullRequest,
    PullRequestKey,
    Repository,
    Step,
    StepState,
)
from environments.overriding import Overridden
from environments.policy import Remove, Wishes, decide
from environments.report import EnvironmentReport, status_object

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
HEAD, OLD = CommitSha("a" * 40), CommitSha("b" * 40)
URL = "http://team-shop-pr-7.localhost:8780/"
LOG = "$ npm run build\n> vite build\nError: Cannot find module './App'\n"
PULL_REQUEST = PullRequest(
    key=PullRequestKey(forge="gitea", repository_id=3, number=7),
    repository=Repository(
        id=3, owner_id=1, owner="team", name="shop", clone_url="http://forge/team/shop.git", default_branch="main"
    ),
    title="A change",
    author="bob",
    is_open=True,
    is_merged=False,
    is_draft=False,
    head_sha=HEAD,
    head_branch="change",
    head_repository_id=3,
    base_branch="main",
)


def step(name: str, state: StepState = StepState.DONE, seconds: float | None = 4.2, detail: str = "") -> Step:
    ended = None if seconds is None else NOW + timedelta(seconds=seconds)
    return Step(name=name, state=state, started_at=NOW, ended_at=ended, detail=detail)


DONE = (step("source", seconds=1.23), step("detect", seconds=0.04), step("build", seconds=72))
BY_PHASE: dict[Phase, dict[str, Any]] = {
    Phase.PENDING: {},
    Phase.QUEUED: {"message": "Position 3 in the queue."},
    Phase.DETECTING: {"steps": (step("source"), step("detect", StepState.RUNNING, None))},
    Phase.BUILDING: {"steps": (*DONE[:2], step("build", StepState.RUNNING, None, "Dockerfile"))},
    Phase.DEPLOYING: {"steps": (*DONE, step("deploy", StepState.RUNNING, None)), "url": URL, "deployed_sha": OLD},
    Phase.READY: {
        "steps": (*DONE, step("ready")),
        "url": URL,
        "deployed_sha": HEAD,
        "notes": ("Compose comes later.",),
    },
    Phase.DEGRADED: {"url": URL, "deployed_sha": HEAD, "reason": "CrashLoop", "message": "The container app ends."},
    Phase.FAILED: {
        "steps": (*DONE[:2], step("build", StepState.FAILED)),
        "reason": "BuildFailed",
        "message": "The build failed: RUN npm run build ended with exit code 1.",
        "failed_log": "team-shop-pr-7/4/build",
    },
    Phase.SLEEPING: {},
    Phase.DELETING: {"message": "It is being removed.", "url": URL, "steps": DONE},
    Phase.DELETED: {"message": "Everything of it is gone."},
}


def report(phase: Phase, **fields: Any) -> EnvironmentReport:
    given = {"namespace": "team-shop-pr-7", "sha": HEAD, "rollout": 4, "updated_at": NOW} | BY_PHASE[phase] | fields
    return EnvironmentReport(phase=phase, **given)


def view(
    told: EnvironmentReport | None = None, message: Message | None = None, log: str = "", **fields: Any
) -> CommentView:
    given: dict[str, Any] = {"pull_request": PULL_REQUEST, "now": NOW, "api_url": "http://127.0.0.1:8781/"} | fields
    return CommentView(report=told, message=message, log_tail=log, **given)


def message(reason: str, text: str = "Because of this.") -> Message:
    return Message(reason=reason, text=text)


class TestSnapshots:
    @pytest.mark.parametrize("phase", Phase)
    def test_each_phase(self, phase: Phase, snapshot: SnapshotAssertion) -> None:
        told = view(report(phase), log=LOG if phase is Phase.FAILED else "")
        assert comment(told) == snapshot(name="comment")
        assert commit_status(told).model_dump() == snapshot(name="status")
        assert current_details(told) == snapshot(name="details")

    def test_what_is_overridden_is_told_with_who_and_when(self) -> None:
        by_ada = Overridden(scope="project", fields=("command", "env.LOG"), by="ada", at=NOW, more=3)
        by_hand = Overridden(scope="environment", fields=("port",))
        hostile = Overridden(scope="environment", fields=("env.a`b|c",), by="@all <b>\n# x", at=NOW)
        lines = comment(view(report(Phase.READY, overridden=(by_ada, by_hand, hostile)))).splitlines()
        assert [line for line in lines if "Overridden" in line] == [
            "- Overridden for the project by ada at 2026-03-01 12:00:00 UTC, until it is reset: `command`, `env.LOG` and 3 more",
            "- Overridden for this environment by an edit of the resource, until it is reset: `port`",
            f"- Overridden for this environment by {inline(hostile.by, 100)} at 2026-03-01 12:00:00 UTC, until it is reset: `env.abc`",
        ]

    def test_a_refused_override_is_told_on_the_pull_request_and_the_resource(self) -> None:
        told = report(Phase.READY, refused="The override by ada was refused: because of this.")
        assert f"- {told.refused}\n- {told.notes[0]}" in comment(view(told))
        key = EnvironmentKey(namespace=NamespaceName("team-shop"), name="pr-7")
        assert status_object(key, told)["status"]["notes"] == [told.refused, *told.notes]

    @pytest.mark.parametrize("reason", ["ForkNotApproved", "Stopped", "Merged", "NamespaceHeld", "Waiting"])
    def test_what_the_rules_say(self, reason: str, snapshot: SnapshotAssertion) -> None:
        told = view(None, message(reason))
        assert comment(told) == snapshot(name="comment")
        assert commit_status(told).model_dump() == snapshot(name="status")

    @pytest.mark.parametrize("user", ["alice", "", "`@all` <b>|x</b>\n# [a](http://b.c)"])
    def test_who_deleted_the_resource_by_hand(self, user: str, snapshot: SnapshotAssertion) -> None:
        decision = decide(PULL_REQUEST, Wishes(stopped_by=deleter(user)))
        assert isinstance(decision, Remove)
        assert comment(view(None, decision.message)) == snapshot(name="comment")
        assert commit_status(view(None, decision.message)).model_dump() == snapshot(name="status")

    def test_a_shell_without_a_url(self, snapshot: SnapshotAssertion) -> None:
        note = "Nothing here says how to run it. Add .catalyst.yaml."
        assert comment(view(report(Phase.READY, url=None, notes=(note,)))) == snapshot

    def test_a_newer_commit_that_nobody_has_looked_at_yet(self, snapshot: SnapshotAssertion) -> None:
        assert comment(view(report(Phase.READY, sha=OLD, deployed_sha=OLD))) == snapshot


class TestRules:
    def test_success_of_an_older_commit_is_not_told_of_the_newest(self) -> None:
        status = commit_status(view(report(Phase.READY, sha=OLD, deployed_sha=OLD)))
        assert (status.state, status.url) == ("pending", None)

    @pytest.mark.parametrize("reason", ["Merged", "Stopped", "ForkNotApproved"])
    def test_what_is_still_there_is_being_deleted(self, reason: str) -> None:
        told = view(report(Phase.READY), message(reason))
        assert "⏳ Deleting" in comment(told) and commit_status(told).state == "pending"
        assert "⏳" not in comment(view(report(Phase.DELETED), message(reason)))

    def test_a_moments_trouble_leaves_the_phase(self) -> None:
        told = comment(view(report(Phase.READY), message("Waiting", "The forge is away. It is tried again.")))
        assert "🟢 Ready" in told and "The forge is away" in told

    def test_the_url_is_shown_only_once_something_answers(self) -> None:
        assert "localhost:8780" not in comment(view(report(Phase.BUILDING)))
        assert "localhost:8780" not in comment(view(report(Phase.DELETING)))
        assert f"[{URL}]({URL})" in comment(view(report(Phase.READY)))

    def test_the_same_view_gives_the_same_text_whenever_it_is_written(self) -> None:
        later = view(report(Phase.BUILDING), now=NOW + timedelta(hours=1))
        assert comment(later) == comment(view(report(Phase.BUILDING)))

    def test_an_environment_without_a_pull_request(self) -> None:
        assert "`aaaaaaa`" in current_details(view(report(Phase.READY), pull_request=None))

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0, "0.0 s"), (-1, "0.0 s"), (3.44, "3.4 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (4205, "1 h 10 min")],
    )
    def test_durations(self, seconds: float, text: str) -> None:
        assert duration(timedelta(seconds=seconds)) == text


# --- hostile words -----------------------------------------------------------------------------------------------

PARSER = MarkdownIt("commonmark").enable("table")
PIECES = st.sampled_from(
    [
        *(
            "```",
            "~~~",
            "````",
            "`",
            "|",
            "||",
            "\n",
            "\r",
            "\r\n",
            "\n\n",
            "\u2028",
            "\x85",
            "\\",
            "\\|",
            "    ",
            "\t",
        ),
        *(
            "<!--",
            "-->",
            "<img src=x>",
            "</sub>",
            "<script>",
            "&lt;",
            "&#64;",
            "&",
            "http://evil.example/x",
            "www.evil.example",
        ),
        *(
            "@alice",
            "@",
            "#12",
            "#",
            "GH-12",
            "!7",
            "closes #1",
            "[x](http://evil.example)",
            "![x](y)",
            "](",
            "- ",
            "# ",
            "1. ",
        ),
        *(
            "> ",
            "---",
            "===",
            "***",
            "_",
            "~",
            "$",
            "\u202e",
            "\u200d",
            "\x00",
            "\x1b[31m",
            "x@evil.example",
            COMMENT_MARKER,
            "a",
        ),
    ]
)
HOSTILE = st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=12).map("".join)


def tokens(markdown: str) -> list[Token]:
    """All of them, also those within a line."""
    return [found for token in PARSER.parse(markdown) for found in (token, *(token.children or ()))]


def of_type(found: list[Token], *types: str) -> list[str]:
    return [token.content for token in found if token.type in types]


def plain_words(found: list[Token]) -> str:
    return "\n".join(token.content for token in found if token.type in ("text", "text_special"))


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_nothing_breaks_out(said: str, noted: str, detail: str, log: str) -> None:
    steps = (step("build", StepState.FAILED, detail=detail),)
    told = view(report(Phase.FAILED, message=said, notes=(noted,), steps=steps), log=log)
    found = tokens(comment(told))
    kinds = [token.type for token in found]
    rows = 4 + len(steps)
    assert (kinds.count("table_open"), kinds.count("tr_open"), kinds.count("td_open")) == (2, 2 + rows, 4 * 2 + 4)
    assert kinds.count("heading_open") == 1 and kinds.count("bullet_list_open") == bool(inline(noted, 500))
    assert kinds.count("fence") == bool(log.strip())
    assert not {"link_open", "image", "blockquote_open", "ordered_list_open", "em_open", "code_block"} & {*kinds}
    assert [html.strip() for html in of_type(found, "html_block", "html_inline")] == [COMMENT_MARKER, "<sub>", "</sub>"]


@given(HOSTILE)
def test_nobody_is_called_and_nothing_is_referred_to(said: str) -> None:
    words = "".join(token.content for token in tokens(f"Why: {inline(said, 500)}") if not token.children)
    assert not re.search(r"@[A-Za-z0-9]|#[0-9]|![0-9]|://|www\.|gh-[0-9]", words, re.IGNORECASE)


def test_no_line_of_ours_begins_as_a_command_does() -> None:
    assert inline("/preview stop", 100) == sentence("/preview stop", 100) == r"\/preview stop"
    assert plain_words(tokens(inline("/preview stop", 100))) == "/preview stop"


@given(HOSTILE)
def test_words_stay_readable(said: str) -> None:
    """What is shown are the words that were said, but for what hides or separates."""
    found = tokens(f"Why: {inline('a' + said, 500)}")
    assert {token.type for token in found} <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


def test_names_in_our_sentences_are_in_code_style() -> None:
    assert sentence("Set `workdir` in `.catalyst.yaml`.", 200) == "Set `workdir` in `.catalyst.yaml`."
    assert sentence("No folder `sché|ma` here", 200) == r"No folder \`sché\|ma\` here", (
        "code style would leave letters out"
    )
    assert sentence("one ` alone", 200) == r"one \` alone"


@given(HOSTILE)
def test_a_sentence_is_words_and_code_and_calls_nobody(said: str) -> None:
    found = tokens(f"Why: {sentence('a' + said, 500)}")
    assert {token.type for token in found} <= {
        "paragraph_open", "paragraph_close", "inline", "text", "text_special", "code_inline"
    }  # fmt: skip
    assert not re.search(r"@[A-Za-z0-9]|#[0-9]|![0-9]|://|www\.|gh-[0-9]", plain_words(found), re.IGNORECASE)


@given(st.text(st.sampled_from("`~ab \t\n"), max_size=60).filter(str.strip))
def test_a_log_stays_in_its_fence_word_for_word(log: str) -> None:
    (found,) = PARSER.parse(fence(log, 40, 20_000))
    assert found.type == "fence" and found.content.rstrip("\n") == log.strip("\n")


@pytest.mark.parametrize("character", ["`", "|", "\\", "@", "é", "<", "𝔸", "\n"])
def test_bounded(character: str) -> None:
    much = character * 100_000
    steps = tuple(step(much, detail=much) for _ in range(50))
    told = view(
        report(Phase.FAILED, message=much, notes=(much,) * 50, steps=steps, namespace=much), log=f"{much}\n" * 5
    )
    assert len(comment(told)) <= 60_000
    assert len(commit_status(told).description) <= 140
    assert len(current_details(told)) <= 60_000


def test_the_end_of_a_log_is_what_is_shown() -> None:
    shown = fence("\n".join(f"line {number}" for number in range(100)), 3, 20_000)
    assert shown == "```text\nline 97\nline 98\nline 99\n```"


@given(HOSTILE)
def test_statuses_are_one_line(said: str) -> None:
    described = commit_status(view(report(Phase.FAILED, message=said))).description
    assert len(described.splitlines()) == 1 and not re.search("[\x00-\x1f\x7f-\x9f\u202e]", described)
