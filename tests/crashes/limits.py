"""Shorter limits for activities, so that a lost one comes back in seconds. What happens then is the product's own."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

HEARTBEAT = timedelta(seconds=4)
"""Instead of 10: heartbeats come every second."""
CALL = timedelta(seconds=6)
"""Instead of 30, where there is no heartbeat: the fakes answer in milliseconds."""


class ShortLimits(Interceptor):
    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> Any:
        return super().start_activity(shortened(input))


def shortened(input: StartActivityInput) -> StartActivityInput:
    """One that is to have a single attempt keeps a single attempt."""
    if input.heartbeat_timeout is not None:
        return replace(input, heartbeat_timeout=min(input.heartbeat_timeout, HEARTBEAT))
    assert input.start_to_close_timeout is not None
    is_single = input.schedule_to_close_timeout == input.start_to_close_timeout
    limit = min(input.start_to_close_timeout, CALL)
    return replace(
        input,
        start_to_close_timeout=limit,
        schedule_to_close_timeout=limit if is_single else input.schedule_to_close_timeout,
    )
