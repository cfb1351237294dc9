"""Calls of outside systems, measured; inside a trace also seen, each as a span: `cluster.apply Deployment`, `git.checkout`."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider

from activities.protocols import Answer, GatewayError, Kind, ObjectRef
from telemetry.metrics import CALLS

MOST_ALIKE = 20
"""Spans of one name in one activity; of those that go on asking until something is so, only changes are seen after that."""
MOST = 500
"""Spans of all names in one activity."""
UNSEEN = frozenset({"temporal"})
"""Gateways whose client makes spans of its own."""

Gateway = TypeVar("Gateway")


def observed(gateway: Gateway, name: str, provider: TracerProvider) -> Gateway:
    """The same gateway. `name`: of the outside system, in metrics and spans."""
    return cast("Gateway", _Observed(gateway, name, provider.get_tracer("catalyst.gateways")))


class _Observed:
    """Every coroutine of it; watches and followed logs go on for as long as somebody listens, and are let through."""

    def __init__(self, gateway: Any, name: str, tracer: Tracer) -> None:
        self._gateway, self._name, self._tracer = gateway, name, tracer

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._gateway, attribute)
        if not inspect.iscoroutinefunction(found):
            return found
        call = self._observing(attribute, found)
        self.__dict__[attribute] = call  # the next time it is found there
        return call

    def _observing(self, method: str, found: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **options: Any) -> Any:
            began, began_at, outcome, answer = time.perf_counter(), time.time_ns(), "unexpected", None
            try:
                answer = await found(*args, **options)
                outcome = "ok"
                return answer
            except GatewayError as error:
                outcome = type(error).__name__
                raise
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                CALLS.labels(self._name, method, outcome).observe(time.perf_counter() - began)
                self._see(f"{self._name}.{method}", args, answer, outcome, began_at)

        return call

    def _see(self, name: str, args: tuple[Any, ...], answer: Any, outcome: str, began_at: int) -> None:
        """Afterwards, because only then it is known whether it is worth a span; nothing lies below it."""
        parent = trace.get_current_span()
        if self._name in UNSEEN or not parent.is_recording():
            return
        facts = _facts(args, answer)
        name = f"{name} {facts.get('k8s.object.kind', '')}".rstrip()
        if not _tally_of(parent).takes(name, outcome, facts.get("http.response.status_code")):
            return
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=facts, start_time=began_at)
        if outcome != "ok":
            span.set_attribute("error.type", outcome)
            span.set_status(Status(StatusCode.ERROR, outcome))
        span.end()


@dataclass
class Tally:
    """Of the spans under one span."""

    _all: int = 0
    _alike: dict[str, int] = field(default_factory=dict)
    _last: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def takes(self, name: str, *outcome: Any) -> bool:
        is_new = self._last.get(name) != outcome
        self._last[name] = outcome
        if self._all >= MOST or (self._alike.get(name, 0) >= MOST_ALIKE and not is_new):
            return False
        self._all += 1
        self._alike[name] = self._alike.get(name, 0) + 1
        return True


_TALLIES: WeakKeyDictionary[Span, Tally] = WeakKeyDictionary()


def _tally_of(span: Span) -> Tally:
    return _TALLIES.setdefault(span, Tally())


def _facts(args: tuple[Any, ...], answer: Any) -> Mapping[str, str | int]:
    """Names and numbers, nothing that was sent or read."""
    first = args[0] if args else None
    found: dict[str, str | int] = {}
    if isinstance(first, ObjectRef):
        found |= {"k8s.object.kind": first.kind.kind, "k8s.object.name": first.name}
        found |= {"k8s.namespace.name": first.namespace} if first.namespace else {}
    elif isinstance(first, Kind):
        found["k8s.object.kind"] = first.kind
    elif isinstance(first, dict) and "kind" in first:
        found["k8s.object.kind"] = str(first["kind"])
    if isinstance(answer, Answer):
        found["http.response.status_code"] = answer.status
    return found
