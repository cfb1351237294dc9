"""A collector: takes traces by OTLP over HTTP, as protobuf, and keeps them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan


@dataclass(frozen=True)
class Seen:
    """One span, as the collector got it."""

    name: str
    trace: str
    id: str
    parent: str
    """Empty: a root."""
    service: str
    attributes: dict[str, str]
    status: str
    is_error: bool
    start: int
    """Nanoseconds since 1970."""
    links: tuple[str, ...]
    """Traces."""


@dataclass
class Collector:
    port: int = 0
    spans: list[Seen] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    """As they came."""
    status: int = 200
    """What the next requests are answered."""
    paths: set[str] = field(default_factory=set)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, body: bytes) -> None:
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = {each.key: each.value.string_value for each in resource.resource.attributes}["service.name"]
            self.spans += [_seen(span, service) for scope in resource.scope_spans for span in scope.spans]

    def of_trace(self, trace: str) -> list[Seen]:
        return sorted((each for each in self.spans if each.trace == trace), key=lambda each: each.start)

    def names(self, trace: str) -> set[str]:
        return {each.name for each in self.of_trace(trace)}

    def orphans(self, trace: str) -> list[Seen]:
        """Whose parent isn't in the trace."""
        spans = self.of_trace(trace)
        known = {each.id for each in spans}
        return [each for each in spans if each.parent and each.parent not in known]

    def path_to(self, trace: str, name: str) -> list[str]:
        """Names from the root to the last span of that name."""
        spans = {each.id: each for each in self.of_trace(trace)}
        at: Seen | None = [each for each in spans.values() if each.name == name][-1]
        path: list[str] = []
        while at is not None:
            path.insert(0, at.name)
            at = spans.get(at.parent)
        return path

    def tree(self, trace: str) -> str:
        """For reading."""
        spans = self.of_trace(trace)
        known = {each.id for each in spans}

        def lines(parent: str, depth: int) -> Iterator[str]:
            for each in spans:
                is_below = each.parent == parent or (parent == "" and each.parent not in known)
                if is_below:
                    orphan = "" if each.parent in known or not each.parent else " (orphan)"
                    yield f"{'  ' * depth}{each.name}{orphan} {each.attributes.get('catalyst.sha', '')[:7]}"
                    yield from lines(each.id, depth + 1)

        return "\n".join(lines("", 0))


def _seen(span: WireSpan, service: str) -> Seen:
    return Seen(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        service=service,
        attributes={each.key: _text(each.value) for each in span.attributes},
        status=span.status.message,
        is_error=span.status.code == span.status.STATUS_CODE_ERROR,
        start=span.start_time_unix_nano,
        links=tuple(each.trace_id.hex() for each in span.links),
    )


def _text(value: object) -> str:
    kind = value.WhichOneof("value")  # type: ignore[attr-defined]
    return str(getattr(value, kind)) if kind else ""


@contextmanager
def collector() -> Iterator[Collector]:
    """Running on a port of its own."""
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.paths.add(self.path)
            if made.status == 200:
                made.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(made.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Not into the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def silent_port() -> Iterator[int]:
    """Takes connections, and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield listening.getsockname()[1]
