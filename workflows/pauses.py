"""How long an environment's main loop rests before it looks again; a signal ends every pause."""

from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from environments.model import Phase
    from environments.readiness import NOT_ANSWERING
    from environments.work import Verdict
    from workflows.messages import EnvironmentState

QUIET = timedelta(minutes=10)
"""How long a running environment goes unchecked at most, besides watch and Reconcile."""
NO_URL_YET = timedelta(seconds=20)
"""One that is up but for its URL, a generic shell among them, is asked this often whether something answers by now."""
TRY_AGAIN = timedelta(seconds=5)
"""While an outside system doesn't answer; doubled each time."""
MOST_DOUBLINGS = 10


class Pauses:
    """Growing while something is waited for, QUIET otherwise."""

    def __init__(self) -> None:
        self._alarm: timedelta | None = None
        self._doublings = 0

    def grow(self, at_most: timedelta) -> None:
        """The next one is twice as long as the last one that grew."""
        self.wake_in(min(TRY_AGAIN * 2**self._doublings, at_most))
        self._doublings = min(self._doublings + 1, MOST_DOUBLINGS)

    def begin_anew(self) -> None:
        """What was waited for has come."""
        self._doublings = 0

    def wake_in(self, pause: timedelta) -> None:
        self._alarm = pause

    def take(self, state: EnvironmentState, is_rolling: bool) -> timedelta:
        """The pause before the next look; the alarm counts once."""
        pauses = [QUIET]
        if self._alarm is not None:
            pauses.append(self._alarm)
        if state.retry_at is not None:
            pauses.append(_until(state.retry_at))
        if not is_rolling and state.verdict and _awaits_url(state.verdict):
            pauses.append(NO_URL_YET)
        self._alarm = None
        return min(pauses)


def _awaits_url(verdict: Verdict) -> bool:
    return verdict.url is None and (verdict.phase is Phase.READY or verdict.reason == NOT_ANSWERING)


def _until(moment: datetime) -> timedelta:
    return max(moment - workflow.now(), timedelta(seconds=0.1))
