"""Why an open pull request gets no preview, by its project's rules: one calm line that says which, and what would change it."""

import re
from collections.abc import Callable, Sequence

from environments.globs import matches, matches_any
from environments.model import Message, PullRequest, Value
from environments.preview_rules import PreviewRules

SKIP = re.compile(r"\[(?:skip|no) previews?\]", re.IGNORECASE)
MOST_NAMED = 5
"""Labels, branches or patterns that a text names."""
LONGEST_NAME = 60
ON_REQUEST = "`/preview deploy` in a comment starts one."


class Refusal(Value):
    """The rules' no."""

    message: Message
    yields: bool = False
    """To somebody with write permission who asks for this preview."""


def refusal_by(rules: PreviewRules, pull_request: PullRequest, paths: Sequence[str] | None) -> Refusal | None:
    """None: nothing stands against it. `paths`: what it changes; None where that is too much to be listed, or wasn't asked for."""
    asked = [*(rule(rules, pull_request) for rule in RULES_IN_ORDER), _unwatched(rules, paths)]
    found = [each for each in asked if each is not None]
    # What yields to a request must not hide what doesn't.
    return next((each for each in found if not each.yields), found[0] if found else None)


def needs_paths(rules: PreviewRules, pull_request: PullRequest) -> bool:
    """Whether what it changes decides: forges list that at a price."""
    return bool(rules.watch) and refusal_by(rules, pull_request, None) is None


def _base(rules: PreviewRules, pull_request: PullRequest) -> Refusal | None:
    if not rules.branches or any(matches(each, pull_request.base_branch) for each in rules.branches):
        return None
    wanted = _named(rules.branches)
    text = f"Previews are made of pull requests to {wanted}, and this one goes to {_name(pull_request.base_branch)} (`previews.branches`)."
    return _refused("OtherBranch", f"{text} Changing its base changes that.")


def _author(rules: PreviewRules, pull_request: PullRequest) -> Refusal | None:
    if not any(matches(each.casefold(), pull_request.author.casefold()) for each in rules.ignore_authors):
        return None
    text = f"Pull requests of {_name(pull_request.author)} get no preview by themselves (`previews.ignoreAuthors`)."
    return _refused("IgnoredAuthor", text, yields=True)


def _title(rules: PreviewRules, pull_request: PullRequest) -> Refusal | None:
    found = SKIP.search(pull_request.title)
    if found is None:
        return None
    return _refused("SkippedByTitle", f"Its title says `{found.group().lower()}`. Taking that out starts the preview.")


def _forbidden_label(rules: PreviewRules, pull_request: PullRequest) -> Refusal | None:
    found = next((label for label in pull_request.labels if _is_one_of(label, rules.forbid_labels)), None)
    if found is None:
        return None
    text = f"It has the label {_name(found)} (`previews.forbidLabels`). Taking it off starts the preview."
    return _refused("ForbiddenLabel", text)


def _missing_label(rules: PreviewRules, pull_request: PullRequest) -> Refusal | None:
    if not rules.require_labels or any(_is_one_of(label, rules.require_labels) for label in pull_request.labels):
        return None
    wanted = _named(rules.require_labels)
    return _refused("MissingLabel", f"It starts with one of the labels {wanted} (`previews.requireLabels`).")


def _draft(rules: PreviewRules, pull_request: PullRequest) -> Refusal | None:
    if not pull_request.is_draft or rules.drafts == "always":
        return None
    text = "It is a draft, and drafts get no preview by themselves (`previews.drafts`). Marking it ready for review starts one."
    return _refused("Draft", text, yields=rules.drafts == "on-request")


def _on_request(rules: PreviewRules, pull_request: PullRequest) -> Refusal | None:
    if rules.pull_requests == "always":
        return None
    if rules.pull_requests == "never":
        return _refused("PreviewsOff", "Previews are off for this project (`previews.pullRequests`).")
    return _refused("OnRequest", "Previews of this project start on request (`previews.pullRequests`).", yields=True)


def _unwatched(rules: PreviewRules, paths: Sequence[str] | None) -> Refusal | None:
    if not rules.watch or paths is None or matches_any(rules.watch, paths):
        return None
    text = f"It changes nothing of {_named(rules.watch)} (`previews.watch`). A commit that does starts the preview."
    return _refused("NothingWatched", text, yields=True)


RULES_IN_ORDER: Sequence[Callable[[PreviewRules, PullRequest], Refusal | None]] = (
    _base,
    _title,
    _forbidden_label,
    _missing_label,
    _author,
    _draft,
    _on_request,
)
"""What is said first is what has to change first."""


def _refused(reason: str, text: str, yields: bool = False) -> Refusal:
    return Refusal(message=Message(reason=reason, text=f"{text} {ON_REQUEST}" if yields else text), yields=yields)


def _is_one_of(label: str, wanted: Sequence[str]) -> bool:
    """As forges compare them."""
    return label.casefold() in {each.casefold() for each in wanted}


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(_name, names[:MOST_NAMED])) + more


def _name(name: str) -> str:
    """In code style, as our sentences have names; a backtick would end it."""
    return f"`{name.replace('`', '')[:LONGEST_NAME]}`"
