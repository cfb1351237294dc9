"""Which pull requests get a preview: rules as people write them, and what each of them says."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.globs import matches, matches_any
from environments.model import KubernetesObject, PullRequest
from environments.preview_rules import PreviewRules, ReadRules, read_rules
from environments.refusals import RULES_IN_ORDER, needs_paths, refusal_by
from tests.unit.test_policy import pull_request

ALL = PreviewRules()


def of(**changes: Any) -> PullRequest:
    return pull_request().model_copy(update=changes)


def rules(**written: Any) -> PreviewRules:
    return PreviewRules.model_validate(written)


def project(**written: Any) -> KubernetesObject:
    return {"kind": "Project", "spec": {"sources": [], "previews": written}}


class TestGlobs:
    @pytest.mark.parametrize(
        ("patterns", "meant", "not_meant"),
        [
            (["web/**"], ["web/a.js", "web/x/y.js"], ["a.js", "other/web/a.js"]),
            (["web"], ["web/a.js", "apps/web/b.js", "web"], ["webs/a.js", "a/web.js"]),
            (["web/"], ["web/a.js"], ["webs/a.js"]),
            (["/web"], ["web/a.js"], ["apps/web/b.js"]),
            (["*.py"], ["a.py", "deep/er/b.py"], ["a.pyc"]),
            (["src/**/test_*.py"], ["src/test_a.py", "src/a/b/test_c.py"], ["src/a/b/c.py", "test_a.py"]),
            (["**", "!docs/**", "!*.md"], ["a.py", "docs.py"], ["docs/a.py", "README.md", "web/README.md"]),
            (["!docs", "docs/site"], ["docs/site/a"], ["docs/a"]),
            (["pages/[id].tsx"], ["pages/[id].tsx"], ["pages/i.tsx"]),
            (["a?c"], ["abc"], ["ac", "abbc"]),
        ],
    )
    def test_paths(self, patterns: list[str], meant: list[str], not_meant: list[str]) -> None:
        assert [path for path in meant if not matches_any(patterns, [path])] == []
        assert [path for path in not_meant if matches_any(patterns, [path])] == []

    def test_names(self) -> None:
        assert matches("*[bot]", "renovate[bot]") and not matches("*[bot]", "robot")
        assert matches("release/*", "release/2026/11") and not matches("release/*", "releases")

    def test_no_pattern_is_slow(self) -> None:
        """A translation to one regular expression took longer than anybody waits for the first of these."""
        began = time.process_time()
        for pattern in ("*a" * 90 + "b", "**/" * 60 + "b", "**/a*/" * 30 + "b"):
            assert not matches_any([pattern] * 50, ["a/" * 100 + "a" * 3000 + "c"])
        deep = ["a/" * 2000 + str(each) for each in range(300)]
        assert not matches_any(["**/b/**/c/**/*.md"] * 3, deep)
        assert time.process_time() - began < 20

    @given(st.lists(st.text(max_size=20), max_size=5), st.text(max_size=40))
    def test_anything_can_be_asked(self, patterns: list[str], path: str) -> None:
        assert matches_any(["**", *patterns, "**"], [path])
        assert not matches_any([*patterns, "!**"], [path])


class TestReading:
    def test_nothing_written_forbids_nothing(self) -> None:
        for text in (None, "templates: {}", "previews:", "previews: {}"):
            assert read_rules(text, "main", None) == ReadRules(ALL)

    def test_field_by_field_the_file_comes_before_the_project(self) -> None:
        text = "previews:\n  drafts: on-request\n  branches: main\n"
        found = read_rules(text, "main", project(drafts="never", requireLabels=["preview"]))
        assert found.rules == rules(drafts="on-request", branches=["main"], requireLabels=["preview"])
        assert found.note == ""

    @pytest.mark.parametrize("word", ["off", "false", "never", "Off"])
    def test_words_for_never(self, word: str) -> None:
        assert read_rules(f"previews: {{drafts: {word}}}", "main", None).rules.drafts == "never"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("previews: {draft: off}", ".catalyst.yaml on main, previews.draft:"),
            ("previews: {drafts: sometimes}", "previews.drafts:"),
            ("previews: [a]", "previews: write settings"),
            ("previews: {watch: [" + "a," * 60 + "]}", "previews.watch:"),
            ("previews: {watch: " + "a" * 300 + "}", "previews.watch"),
            ("previews: {", "line 1"),
            ("a: &a [1]\npreviews: *a", "aliases"),
            ("x" * 70_000, "longer"),
        ],
    )
    def test_what_cannot_be_read_is_told_and_takes_nothing_away(self, text: str, said: str) -> None:
        found = read_rules(text, "main", project(drafts="never"))
        assert said in found.note and len(found.note) < 400
        assert found.rules == rules(drafts="never")

    @given(st.text(max_size=300), st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=5))
    def test_it_never_raises(self, text: str, content: Any) -> None:
        read_rules(text, "main", {"spec": {"previews": content}})


class TestRefusals:
    @pytest.mark.parametrize(
        ("written", "changes", "reason", "said"),
        [
            ({"branches": ["main", "release/*"]}, {"base_branch": "dev"}, "OtherBranch", "`main`, `release/*`"),
            ({}, {"title": "Fix it [Skip Preview]"}, "SkippedByTitle", "`[skip preview]`"),
            ({"forbidLabels": ["WIP"]}, {"labels": ("wip",)}, "ForbiddenLabel", "`wip`"),
            ({"requireLabels": ["a", "b"]}, {"labels": ("c",)}, "MissingLabel", "`a`, `b`"),
            ({"ignoreAuthors": ["*[bot]"]}, {"author": "Renovate[bot]"}, "IgnoredAuthor", "`Renovate[bot]`"),
            ({"drafts": "never"}, {"is_draft": True}, "Draft", "ready for review"),
            ({"pullRequests": "never"}, {}, "PreviewsOff", "`previews.pullRequests`"),
        ],
    )
    def test_each_says_which_rule_and_what_would_change_it(
        self, written: dict[str, Any], changes: dict[str, Any], reason: str, said: str
    ) -> None:
        found = refusal_by(rules(**written), of(**changes), None)
        assert found is not None
        assert found.message.reason == reason and said in found.message.text
        assert refusal_by(ALL, of(**changes | {"title": "A change"}), None) is None

    @pytest.mark.parametrize(
        ("written", "changes"),
        [
            ({"branches": ["release/*"]}, {"base_branch": "release/1"}),
            ({"requireLabels": ["Preview", "b"]}, {"labels": ("x", "preview")}),
            ({"forbidLabels": ["wip"]}, {"labels": ("preview",)}),
            ({"ignoreAuthors": ["*[bot]"]}, {"author": "robot"}),
            ({"drafts": "never"}, {"is_draft": False}),
            ({"drafts": "always"}, {"is_draft": True}),
        ],
    )
    def test_what_matches_passes(self, written: dict[str, Any], changes: dict[str, Any]) -> None:
        assert refusal_by(rules(**written), of(**changes), None) is None

    def test_paths_that_matter(self) -> None:
        watching = rules(watch=["web/**", "!**/*.md"])
        refused = refusal_by(watching, of(), ("web/README.md", "api/a.py"))
        assert refused is not None and refused.message.reason == "NothingWatched" and refused.yields
        assert refusal_by(watching, of(), ("web/README.md", "web/a.py")) is None
        assert refusal_by(watching, of(), None) is None, "a change too large to be listed counts"

    def test_paths_are_asked_for_only_where_they_decide(self) -> None:
        assert needs_paths(rules(watch=["web"]), of())
        assert not needs_paths(ALL, of())
        assert not needs_paths(rules(watch=["web"], drafts="never"), of(is_draft=True))

    def test_what_a_request_lifts(self) -> None:
        for written in ({"drafts": "on-request"}, {"pullRequests": "on-request"}, {"ignoreAuthors": ["bob"]}):
            found = refusal_by(rules(**written), of(is_draft=True), None)
            assert found is not None and found.yields and "`/preview deploy`" in found.message.text
        for written in ({"drafts": "never"}, {"pullRequests": "never"}, {"branches": ["x"]}, {"requireLabels": ["x"]}):
            found = refusal_by(rules(**written), of(is_draft=True), None)
            assert found is not None and not found.yields and "/preview" not in found.message.text

    @pytest.mark.parametrize(
        "written",
        [
            {"pullRequests": "never", "ignoreAuthors": ["bob"]},
            {"pullRequests": "never", "drafts": "on-request"},
            {"drafts": "never", "ignoreAuthors": ["bob"]},
            {"pullRequests": "never", "drafts": "on-request", "watch": ["web"]},
        ],
    )
    def test_what_yields_hides_nothing_that_does_not(self, written: dict[str, Any]) -> None:
        found = refusal_by(rules(**written), of(is_draft=True), ("docs/a.md",))
        assert found is not None and not found.yields

    @given(st.text(max_size=100))
    def test_names_of_others_stay_in_their_place(self, name: str) -> None:
        """The texts go through markdown.sentence(), in which backticks are ours."""
        refused = refusal_by(rules(branches=["main"]), of(base_branch=name), None)
        assert refused is not None
        assert refused.message.text.count("`") == 6

    def test_every_rule_has_its_own_reason(self) -> None:
        everything = rules(
            branches=["x"],
            forbidLabels=["a"],
            requireLabels=["b"],
            ignoreAuthors=["bob"],
            drafts="never",
            pullRequests="never",
        )
        one = of(title="[skip preview]", labels=("a",), is_draft=True)
        found = [rule(everything, one) for rule in RULES_IN_ORDER]
        assert len({each.message.reason for each in found if each}) == len(RULES_IN_ORDER)
