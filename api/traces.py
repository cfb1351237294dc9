"""A webhook's trace goes on where it is handed to Temporal, in whichever process and however much later."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from fastapi.telemetry import TelemetryConfig
from opentelemetry.context import Context
from opentelemetry.trace import Link, NoOpTracerProvider, Span, SpanKind, Tracer, TracerProvider, set_span_in_context

from environments.model import BranchKey, PullRequestKey
from store.deliveries import Delivery
from telemetry.causes import span_in

NO_TRACES = NoOpTracerProvider()
MOST_ATTEMPTS = 100
"""In the webhook's own trace, a quarter of an hour without Temporal; after that each has one of its own, which names it."""

UNSEEN = ("/healthz", "/readyz", "/metrics")
"""What probes and Prometheus ask every few seconds."""


def request_traces(provider: TracerProvider) -> TelemetryConfig:
    """FastAPI's own: one span per request. Logs would hold exceptions, metrics are Prometheus's."""
    return TelemetryConfig(
        tracer_provider=provider,
        metrics=False,
        logs=False,
        operation_spans=False,
        auto_configure=False,
        exclude=lambda scope: scope["path"] in UNSEEN,
    )


def handing_on(
    tracer: Tracer, run: Sequence[Delivery], action: str, key: PullRequestKey | BranchKey
) -> AbstractContextManager[Span]:
    """A span in the trace of the last one, which speaks for them all; the others' are linked."""
    *others, last = run
    is_in_trace = last.attempts < MOST_ATTEMPTS
    parent = set_span_in_context(_span_of(last), Context()) if is_in_trace else Context()
    linked = [_span_of(each) for each in (others if is_in_trace else run)]
    return tracer.start_as_current_span(
        "hand on webhook",
        parent,
        SpanKind.CONSUMER,
        links=[Link(each.get_span_context()) for each in linked if each.get_span_context().is_valid],
        attributes={
            "catalyst.forge": key.forge,
            "catalyst.repository_id": key.repository_id,
            **({"catalyst.pull_request": key.number} if isinstance(key, PullRequestKey) else {}),
            "catalyst.action": action,
            "catalyst.delivery": last.delivery,
            "catalyst.attempt": last.attempts + 1,
        },
    )


def _span_of(delivery: Delivery) -> Span:
    return span_in({"traceparent": delivery.traceparent} if delivery.traceparent else {})
