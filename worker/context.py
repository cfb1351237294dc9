"""Which team, project, environment and pull request a line of the log is about, and when work was done last."""

import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor


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
        with structlog.contextvars.bound_contextvars(**context_of(subject), activity=activity.info().activity_type):
            result = await self.next.execute_activity(input)
        self._progress.note()
        return result


def context_of(subject: Any) -> dict[str, Any]:
    """Fields for the log from an activity's argument, whatever kind of request it is."""
    request = getattr(subject, "request", subject)
    found: dict[str, Any] = {}
    identity = getattr(request, "identity", None)
    if identity is not None:
        found |= {"team": identity.team, "project": identity.project, "environment": identity.environment}
    elif (key := getattr(request, "key", request)) is not None and hasattr(key, "namespace"):
        found |= {"project_namespace": key.namespace, "environment": getattr(key, "name", None)}
    pull_request = getattr(request, "pull_request", request)
    number = getattr(getattr(pull_request, "key", pull_request), "number", None)
    return found | ({"pull_request": number} if number is not None else {})
