"""Commits made in an environment on their way to the pull request's branch: whether they may, and what people are told. Pure."""

import re

from environments.model import NamespaceName, PullRequest
from environments.sidecar import Outgoing

MOST_OF_A_NAME = 60
NOT_IN_A_NAME = re.compile(r"[<>\x00-\x1f\x7f]")
NO_LONGER_KNOWN = "The forge doesn't know the pull request any more."
NO_ENVIRONMENT = "There is no environment that anything could be pushed from."
NO_PULL_REQUEST = "This environment belongs to no pull request, so there is no branch to push to."
NOBODY_THERE = (
    "Nothing runs for the pull request just now; if it is open, it is picked up within a minute: push again then."
)
TERMINAL = "the environment's terminal"
"""Who asks, where it was `git push`."""


def refusal(pull_request: PullRequest) -> str | None:
    """Why nothing may be pushed to it; a sentence."""
    if not pull_request.is_open:
        return "The pull request is closed: reopen it on the forge, and push again."
    if pull_request.is_from_fork:
        return "The pull request's branch isn't in the project's own repository, so it can't be pushed to from here: push from your own machine."
    return None


def author_of(by: str, namespace: NamespaceName, domain: str) -> str:
    """Of a commit that somebody asked for; its address says in which environment it was made."""
    name = " ".join(NOT_IN_A_NAME.sub(" ", by).split())[:MOST_OF_A_NAME]
    return f"{name or 'Catalyst'} <{namespace}@{domain}>"


def nothing_to_push(outgoing: Outgoing) -> str:
    if outgoing.is_dirty:
        return "Nothing was committed since the last commit came in, but files were changed: give a message, and they are committed first."
    return f"There is nothing to push: nothing was changed since {outgoing.sha[:7]} came in."


def pushed(outgoing: Outgoing, branch: str) -> str:
    number = "1 commit was" if outgoing.commits == 1 else f"{outgoing.commits} commits were"
    rest = " What isn't committed stayed in the environment." if outgoing.is_dirty else ""
    return f"{number} pushed to {branch}, which is now at {outgoing.sha[:7]}.{rest}"
