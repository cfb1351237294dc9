"""Traces of one process, sent by OTLP over HTTP when OpenTelemetry's own variables name an endpoint; without one nothing is traced.

Whatever becomes of the endpoint, nothing waits for it: spans lie in a bounded queue, and are dropped with one warning.
"""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace import TracerProvider as RecordingProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import NoOpTracerProvider, Status, TracerProvider

from telemetry.metrics import SPANS_LOST

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
OURS = "http/protobuf"

LIMITS = SpanLimits(max_events=0, max_links=32, max_attribute_length=256)
"""No events: what libraries record as such are exceptions with their messages and tracebacks, and those may hold anything."""
KEPT_BACK = frozenset({"url.query", "url.full"})
"""Attributes in which people may write what they like, tokens among it."""
GOODBYE_SECONDS = 3.0
"""For the last spans, when the process ends."""
NOISY = ("opentelemetry.exporter", "opentelemetry.sdk._shared_internal")
"""They complain of every batch; we say it once."""

LOG = logging.getLogger("catalyst.telemetry")


def is_on(provider: TracerProvider) -> bool:
    return not isinstance(provider, NoOpTracerProvider)


@asynccontextmanager
async def tracing(service: str) -> AsyncIterator[TracerProvider]:
    """`service`: name of this process in traces, unless OTEL_SERVICE_NAME says another. Raises SystemExit with a sentence for
    variables that make no sense."""
    if not _is_asked_for():
        yield NoOpTracerProvider()
        return
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    exporter = CarefulExporter(OTLPSpanExporter())
    # Its own way of ending at exit would wait for half a minute.
    provider = RecordingProvider(resource=_resource(service), span_limits=LIMITS, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield provider
    finally:
        await _end(provider, exporter)


def _is_asked_for() -> bool:
    endpoint = next(((name, os.environ[name]) for name in ENDPOINTS if os.environ.get(name)), None)
    if endpoint is None or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    name, value = endpoint
    if urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc:
        raise SystemExit(f"{name} is no URL: set it to http://<collector>:4318, where OTLP is taken over HTTP.")
    for name in PROTOCOLS:
        if os.environ.get(name, OURS) != OURS:
            raise SystemExit(f"{name} must be {OURS} (or unset): the collector's port for it is usually 4318.")
    return True


def _resource(service: str) -> Resource:
    """With OTEL_RESOURCE_ATTRIBUTES."""
    return Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME") or service,
            "service.namespace": "catalyst",
            "service.version": version("catalyst"),
        }
    )


async def _end(provider: RecordingProvider, exporter: "CarefulExporter") -> None:
    """What is still queued gets a moment; a collector that doesn't answer never holds up the end of a process."""
    ending = threading.Thread(target=provider.shutdown, daemon=True)
    ending.start()
    await asyncio.to_thread(ending.join, GOODBYE_SECONDS)
    exporter.shutdown()


class CarefulExporter(SpanExporter):
    """Hands on what may leave the process, and says when the collector begins to refuse it, and when it takes it again."""

    def __init__(self, next: SpanExporter) -> None:
        self._next = next
        self._is_failing = False
        self._is_over = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._next.export([_fit_to_leave(span) for span in spans])
        if not self._is_over:  # nobody reads any more what a process counts at its end
            self._note(result is SpanExportResult.SUCCESS, len(spans))
        return result

    def shutdown(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._next.shutdown()

    def _note(self, was_taken: bool, count: int) -> None:
        if not was_taken:
            SPANS_LOST.inc(count)
        if was_taken and self._is_failing:
            LOG.info("the collector takes traces again")
        elif not was_taken and not self._is_failing:
            LOG.warning("the collector doesn't take traces: they are dropped until it does; see %s", ENDPOINTS[1])
        self._is_failing = not was_taken


def _fit_to_leave(span: ReadableSpan) -> ReadableSpan:
    """Of an error its kind only: its message may quote what people wrote."""
    kind = (span.status.description or "").partition(":")[0]
    attributes = {name: value for name, value in (span.attributes or {}).items() if name not in KEPT_BACK}
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code, kind or None),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
