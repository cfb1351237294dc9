"""Which news a pull request is told at once, and which can wait for more of them (design: rule 8; issue 6: an edit per five seconds)."""

from datetime import timedelta

from environments.model import Phase
from environments.work import PullRequestReport

BETWEEN_EDITS = timedelta(seconds=5)
"""Of progress, also before the first: a rollout that is over sooner is told once, and each edit costs a forge several requests."""
BETWEEN_NEWS = timedelta(seconds=3)
"""Of a rollout's progress on its way to status, index and API, also before the first: each costs five workflow tasks."""
AWAITED = frozenset({Phase.READY, Phase.DEGRADED, Phase.FAILED, Phase.SLEEPING, Phase.DELETED})


def is_awaited(told: PullRequestReport | None, now: PullRequestReport) -> bool:
    """Somebody waits for it: another commit, a sentence, or an outcome. What is left is progress on the way to one.
    `told`: None before the first."""
    if told is None:
        is_other = now.message is not None
    else:
        is_other = now.pull_request != told.pull_request or now.message != told.message
    former = told.report if told else None
    return is_other or (now.report is not None and now.report != former and now.report.phase in AWAITED)
