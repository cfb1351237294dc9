"""Which trace a workflow works in: that of whoever told it something last, for as long as what came of it isn't told.

A workflow lives for weeks and many traces pass through it. The library's interceptor keeps to the one that started it, so that
the second push would be found in the first one's trace; this one puts every activity, child and signal where its cause is.
Only headers come of it, which no replay compares; what it knows is rebuilt by every replay from the headers in the history.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio import client, converter, worker, workflow
from temporalio.contrib.opentelemetry import TracingInterceptor, TracingWorkflowInboundInterceptor

from environments.model import Phase
from telemetry.tracing import is_on

HEADER = "_tracer-data"
"""The library's."""
PROPAGATOR = TraceContextTextMapPropagator()
"""Without baggage: what strangers send along with a request would be stored in histories."""
SETTLED = (Phase.READY, Phase.DEGRADED, Phase.FAILED, Phase.DELETED)
AFTERWARDS = timedelta(minutes=1)
"""Between the end being told and the next thing that happens by itself; looks at a quiet environment are nobody's any more."""
LONGEST = timedelta(hours=1)
"""Since a workflow heard of its cause: an outage must not let a trace grow for ever."""
NEVER = datetime.min.replace(tzinfo=UTC)


def tracing_interceptors(provider: TracerProvider) -> list[client.Interceptor]:
    """For a client, and so for the workers that are made with it; none when nothing is traced."""
    return [Tracing(provider.get_tracer("catalyst.temporal")), Causes()] if is_on(provider) else []


class Tracing(TracingInterceptor):
    """The library's, less what it does with signals and updates: a long life would fill the first trace with them."""

    def __init__(self, tracer: trace.Tracer) -> None:
        super().__init__(tracer)
        self.text_map_propagator = PROPAGATOR

    def intercept_client(self, next: client.OutboundInterceptor) -> client.OutboundInterceptor:
        return _WithinTraces(super().intercept_client(next), next)

    def workflow_interceptor_class(
        self, input: worker.WorkflowInterceptorClassInput
    ) -> type[TracingWorkflowInboundInterceptor]:
        super().workflow_interceptor_class(input)  # gives workflows the way out of their sandbox to make spans by
        return _TracingInbound


class _WithinTraces(client.OutboundInterceptor):
    """Begins no trace: the watch wakes a workflow for what somebody else did, and must not pass for the cause."""

    def __init__(self, traced: client.OutboundInterceptor, plain: client.OutboundInterceptor) -> None:
        super().__init__(traced)
        self._plain = plain

    async def start_workflow(self, input: client.StartWorkflowInput) -> client.WorkflowHandle[Any, Any]:
        return await self._chosen().start_workflow(input)

    async def signal_workflow(self, input: client.SignalWorkflowInput) -> None:
        await self._chosen().signal_workflow(input)

    def _chosen(self) -> client.OutboundInterceptor:
        return self.next if trace.get_current_span().get_span_context().is_valid else self._plain


class _TracingInbound(TracingWorkflowInboundInterceptor):
    def __init__(self, next: worker.WorkflowInboundInterceptor) -> None:
        super().__init__(next)
        self.text_map_propagator = PROPAGATOR

    async def handle_signal(self, input: worker.HandleSignalInput) -> None:
        await self.next.handle_signal(input)

    def handle_update_validator(self, input: worker.HandleUpdateInput) -> None:
        self.next.handle_update_validator(input)

    async def handle_update_handler(self, input: worker.HandleUpdateInput) -> Any:
        return await self.next.handle_update_handler(input)


class Causes(client.Interceptor, worker.Interceptor):
    """Stands after Tracing, whose spans then begin in the cause's trace."""

    def workflow_interceptor_class(self, input: worker.WorkflowInterceptorClassInput) -> type["_Inbound"]:
        return _Inbound


@dataclass
class Heard:
    """A cause, until it is over."""

    span: Span = INVALID_SPAN
    until: datetime = NEVER
    at_most: datetime = NEVER
    """For what is tried again by itself after its end was told."""

    @classmethod
    def now(cls, span: Span) -> "Heard":
        end = workflow.now() + LONGEST
        return cls(span, end, end)

    def latest(self) -> Span:
        """Over or not, as long as it isn't too long ago."""
        return self.span if workflow.now() <= self.at_most else INVALID_SPAN

    def current(self) -> Span:
        is_child = workflow.info().parent is not None  # does what its parent asked, and nothing afterwards
        return self.span if is_child or workflow.now() <= self.until else INVALID_SPAN

    def end_soon(self) -> None:
        self.until = min(self.until, workflow.now() + AFTERWARDS)

    def is_same_trace(self, span: Span) -> bool:
        return self.span.get_span_context().trace_id == span.get_span_context().trace_id


class Cause:
    """Of what one workflow does: what it was asked, and apart from that the news of a peer, which it only tells on: news of the
    older commit must not draw what a push has just asked for into the older trace."""

    def __init__(self) -> None:
        self.asked = Heard()
        self.news = Heard()
        self._rollout = 0
        """Number of the newest one begun here: what an older one still says isn't told any more."""

    def begin(self, span: Span) -> None:
        """By whoever started the workflow, unless a signal was faster."""
        if self.asked.span is INVALID_SPAN:
            self.asked = Heard.now(span)

    def hear(self, span: Span, name: str, subject: Any) -> None:
        """`name`: of the signal or update; `subject`: what it brings."""
        if span is INVALID_SPAN:
            return
        if _is_news(subject):
            is_older = getattr(subject, "rollout", self._rollout) < self._rollout
            self.news = self.news if is_older else Heard.now(span)
        elif not (_is_hint(name, subject) and self.asked.current() is not INVALID_SPAN):
            self.asked = Heard.now(span)

    def begin_child(self, request: Any) -> Span:
        """The request may name its cause itself, as a rollout names that of the resource; else it is the latest one."""
        named = getattr(request, "traceparent", None)
        span = span_in({"traceparent": named}) if named else self.asked.latest()
        self.news, self._rollout = Heard.now(span), getattr(request, "rollout", 0)
        return span

    def of(self, subject: Any) -> Span:
        """`subject`: what an activity is given or a signal brings."""
        news = self.news.current() if _is_news(subject) else INVALID_SPAN
        return self.asked.current() if news is INVALID_SPAN else news

    def note_told(self, subject: Any) -> None:
        """Once it is told how it ended, a cause is as good as over."""
        if getattr(getattr(subject, "report", None), "phase", None) in SETTLED:
            told = self.of(subject)
            for heard in (self.asked, self.news):
                if heard.is_same_trace(told):
                    heard.end_soon()


def _is_news(subject: Any) -> bool:
    """Of an environment to its pull request, or of a rollout to its environment; and on to where people read it."""
    return hasattr(subject, "report") or hasattr(subject, "phase")


def _is_hint(name: str, subject: Any) -> bool:
    """A webhook about a label, or Reconcile: it asks for nothing that whoever came before didn't."""
    return (
        name == "look" and getattr(subject, "delivery", None) is not None and getattr(subject, "asked_at", None) is None
    )


@contextmanager
def _attached(span: Span) -> Iterator[None]:
    """Library spans begin below it."""
    token = otel.attach(trace.set_span_in_context(span))
    try:
        yield
    finally:
        with suppress(ValueError):  # an evicted workflow is finalized in another context, where nothing is attached
            token.var.reset(token)


class _Inbound(worker.WorkflowInboundInterceptor):
    def __init__(self, next: worker.WorkflowInboundInterceptor) -> None:
        super().__init__(next)
        self._cause = Cause()

    def init(self, outbound: worker.WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound, self._cause))

    async def execute_workflow(self, input: worker.ExecuteWorkflowInput) -> Any:
        self._cause.begin(_span_of(workflow.info().headers))
        return await super().execute_workflow(input)

    async def handle_signal(self, input: worker.HandleSignalInput) -> None:
        self._cause.hear(_span_of(input.headers), input.signal, _first(input.args))
        await super().handle_signal(input)

    async def handle_update_handler(self, input: worker.HandleUpdateInput) -> Any:
        self._cause.hear(_span_of(input.headers), input.update, _first(input.args))
        return await super().handle_update_handler(input)


class _Outbound(worker.WorkflowOutboundInterceptor):
    def __init__(self, next: worker.WorkflowOutboundInterceptor, cause: Cause) -> None:
        super().__init__(next)
        self._cause = cause

    def start_activity(self, input: worker.StartActivityInput) -> Any:
        subject = _first(input.args)
        with _attached(self._cause.of(subject)):
            started = super().start_activity(input)
        self._cause.note_told(subject)
        return started

    async def start_child_workflow(self, input: worker.StartChildWorkflowInput) -> Any:
        with _attached(self._cause.begin_child(_first(input.args))):
            return await super().start_child_workflow(input)

    async def signal_external_workflow(self, input: worker.SignalExternalWorkflowInput) -> None:
        with _attached(self._cause.of(_first(input.args))):
            await super().signal_external_workflow(input)

    def continue_as_new(self, input: worker.ContinueAsNewInput) -> NoReturn:
        with _attached(self._cause.asked.current()):
            super().continue_as_new(input)


def _first(args: Sequence[Any]) -> Any:
    return args[0] if args else None


def span_in(carrier: dict[str, Any]) -> Span:
    """INVALID_SPAN when it names none."""
    found = trace.get_current_span(PROPAGATOR.extract(carrier, otel.Context())).get_span_context()
    return NonRecordingSpan(found) if found.is_valid else INVALID_SPAN


def _span_of(headers: Any) -> Span:
    header = headers.get(HEADER)
    carrier = converter.PayloadConverter.default.from_payloads([header])[0] if header else None
    return span_in(carrier) if isinstance(carrier, dict) else INVALID_SPAN
