"""What one activity does, measured, and said of its span."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from temporalio import activity
from temporalio.exceptions import ApplicationError

from telemetry.metrics import ACTIVITIES


@contextmanager
def described(about: Mapping[str, Any], subject: Any) -> Iterator[None]:
    """`about`: whom it is about, for the current span; `subject`: the activity's argument."""
    span, began, result = trace.get_current_span(), time.perf_counter(), "unexpected"
    span.set_attributes({f"catalyst.{name}": value for name, value in _named(about, subject).items()})
    try:
        yield
        result = "ok"
    except ApplicationError as error:
        result = error.type or result
        span.set_attribute("error.type", result)
        raise
    except asyncio.CancelledError:
        result = "cancelled"
        raise
    finally:
        ACTIVITIES.labels(activity.info().activity_type, result).observe(time.perf_counter() - began)


def trace_id() -> dict[str, str]:
    """For lines of the log; empty where nothing is traced."""
    context = trace.get_current_span().get_span_context()
    return {"trace_id": trace.format_trace_id(context.trace_id)} if context.is_valid else {}


def _named(about: Mapping[str, Any], subject: Any) -> Mapping[str, Any]:
    """With the commit: that of a rollout, that which a report speaks of (an older one than the head, perhaps), or the head."""
    target = getattr(getattr(subject, "request", subject), "target", None)
    report, pull_request = getattr(subject, "report", None), getattr(subject, "pull_request", None)
    sha = getattr(target, "sha", None) or getattr(report, "sha", None) or getattr(pull_request, "head_sha", None)
    return {**about, "sha": sha} if sha else about
