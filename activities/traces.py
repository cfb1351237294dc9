"""The trace that this code runs in, as text that outlives the process: W3C Trace Context's `traceparent`."""

from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PROPAGATOR = TraceContextTextMapPropagator()


def current_traceparent() -> str | None:
    """None: nothing is traced here."""
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")
