"""Which news a pull request is told at once, and which can wait for more of them (design: rule 8; issue 6: an edit per five seconds)."""

from datetime import timedelta

from environments.model import Phase
from environments.work import PullRequestReport

BETWEEN_EDITS = timedelta(seconds=5)
"""Of progress: a quick rollout is told when it begins and when it is over, and each edit costs a forge several requests."""
AWAITED = frozenset({Phase.READY, Phase.DEGRADED, Phase.FAILED, Phase.SLEEPING, Phase.DELETED})


def is_awaited(told: PullRequestReport, now: PullRequestReport) -> bool:
    """Somebody waits for it: another commit, a sentence, or an outcome. What is left is progress on the way to one."""
    is_other = now.pull_request != told.pull_request or now.message != told.message
    return is_other or (now.report is not None and now.report != told.report and now.report.phase in AWAITED)
