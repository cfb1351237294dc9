"""Which team, project, environment and pull request a line of the log and a span are about, and when work was done last."""

import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from environments import names
from environments.model import EnvironmentKey, PullRequest, PullRequestKey
from environments.policy import identity_of
from telemetry.activities import described, trace_id


@dataclass
class Progress:
    """Health from real progress: a worker that polls but does nothing is not healthy."""

    _last: float = field(default_factory=time.monotonic)

    def note(self) -> None:
        self._last = time.monotonic()

    @property
    def seconds_ago(self) -> float:
        return time.monotonic() - self._last


@dataclass
class ContextInterceptor(Interceptor):
    progress: Progress

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Activity(next, self.progress)


class _Activity(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, progress: Progress) -> None:
        super().__init__(next)
        self._progress = progress

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        subject = input.args[0] if input.args else None
        about = context_of(subject)
        about_this = {**about, **trace_id(), "activity": activity.info().activity_type}
        with structlog.contextvars.bound_contextvars(**about_this):
            try:
                with described(about, subject):
                    return await self.next.execute_activity(input)
            finally:
                # One that failed is progress too: a worker whose cluster is down must not be restarted for it.
                self._progress.note()


def context_of(subject: Any) -> dict[str, Any]:
    """Fields for the log from an activity's argument, whatever kind of request it is; what is inside it says more."""
    return _fields(subject) | _fields(getattr(subject, "request", None))


def _fields(part: Any) -> dict[str, Any]:
    """Team, project, environment and pull request, as far as the value tells."""
    key = part if isinstance(part, EnvironmentKey) else getattr(part, "key", None)
    pull_request = part if isinstance(part, PullRequestKey) else getattr(part, "pull_request", None)
    identity = getattr(part, "identity", None)
    return _of_key(key) | _of_pull_request(pull_request) | (identity.model_dump() if identity else {})


def _of_key(key: Any) -> dict[str, Any]:
    if not isinstance(key, EnvironmentKey):
        return {}
    number = names.pull_request_number(key.name)
    # Two teams' projects may join to one name: it isn't taken apart.
    found: dict[str, Any] = {"project_namespace": key.namespace, "environment": key.name}
    return found | ({"pull_request": number} if number is not None else {})


def _of_pull_request(given: Any) -> dict[str, Any]:
    if isinstance(given, PullRequestKey):
        return {"forge": given.forge, "repository_id": given.repository_id, "pull_request": given.number}
    if not isinstance(given, PullRequest):
        return {}
    try:
        identity = identity_of(given).model_dump()
    except names.InvalidName:
        identity = {"repository": given.repository.full_name}
    return identity | {"pull_request": given.key.number}
