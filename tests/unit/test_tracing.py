"""Spans leave the process when an endpoint is set, without what people write; and an endpoint that is away holds up nothing."""

import asyncio
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.trace import NoOpTracerProvider, TracerProvider
from prometheus_client import REGISTRY

from telemetry.tracing import GOODBYE_SECONDS, is_on, tracing
from tests.otlp import Collector, collector, silent_port

VARIABLES = (
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME"),
    *("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS"),
)


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collector() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.endpoint)
        yield made


def say(traces: TracerProvider, name: str = "a span", **attributes: str) -> None:
    traces.get_tracer("test").start_span(name, attributes=attributes).end()


async def test_without_an_endpoint_nothing_is_traced() -> None:
    async with tracing("catalyst-api") as traces:
        assert not is_on(traces) and isinstance(traces, NoOpTracerProvider)


async def test_spans_reach_the_collector_before_the_process_ends(sink: Collector) -> None:
    async with tracing("catalyst-api") as traces:
        assert is_on(traces)
        say(traces)
    assert [(each.name, each.service) for each in sink.spans] == [("a span", "catalyst-api")]
    assert sink.paths == {"/v1/traces"}


async def test_opentelemetrys_variables_mean_what_it_says(sink: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "previews")
    async with tracing("catalyst-api") as traces:
        say(traces)
    assert [each.service for each in sink.spans] == ["previews"]
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    async with tracing("catalyst-api") as traces:
        assert not is_on(traces)


def test_those_that_are_read_here_are_documented() -> None:
    root = Path(__file__).parents[2]
    read = set(re.findall(r'"(OTEL_\w+)"', (root / "telemetry" / "tracing.py").read_text()))
    page = (root / "docs" / "settings.md").read_text()
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in read
    assert {name for name in read if f"`{name}" not in page} == set()


async def test_messages_queries_and_events_stay_here(sink: Collector) -> None:
    async with tracing("catalyst-api") as traces:
        with (
            pytest.raises(ValueError, match="canary"),
            traces.get_tracer("test").start_as_current_span("failing", attributes={"url.query": "canary"}) as span,
        ):
            span.add_event("canary", {"canary": "canary"})
            span.set_attribute("kept", "x" * 10_000)
            raise ValueError("canary")
    [failed] = sink.spans
    assert (failed.is_error, failed.status, len(failed.attributes["kept"])) == (True, "ValueError", 256)
    assert b"canary" not in b"".join(sink.bodies)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "http://<collector>:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://", "http://<collector>:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
    ],
)
async def test_what_makes_no_sense_ends_the_process_with_a_sentence(
    name: str, value: str, words: str, sink: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        async with tracing("catalyst-api"):
            raise AssertionError("not reached")
    assert str(end.value).startswith(name) and words in str(end.value)


@pytest.mark.parametrize("is_silent", [True, False], ids=["silent", "refusing"])
async def test_a_dead_endpoint_holds_up_neither_work_nor_the_end(
    is_silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent_port() as port:
        dead = port if is_silent else 1
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{dead}")
        async with tracing("catalyst-api") as traces:
            say(traces)
            await asyncio.sleep(0.1)  # the first batch is on its way, and hangs
            began = time.monotonic()
            for _ in range(10_000):  # several times what the queue holds
                say(traces)
            worked = time.monotonic() - began
            ending = time.monotonic()
        ended = time.monotonic() - ending
    assert worked < 10, "some 20 µs each, and nothing waited for"
    assert ended < GOODBYE_SECONDS + 5


async def test_a_refusing_collector_is_said_once_and_counted_and_that_it_takes_again(
    sink: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    lost = REGISTRY.get_sample_value("catalyst_spans_lost_total") or 0
    caplog.set_level(logging.INFO)
    async with tracing("catalyst-api") as traces:
        sink.status = 400
        for number in range(3):
            say(traces, f"lost {number}")
            traces.force_flush()  # type: ignore[attr-defined]
        sink.status = 200
        say(traces, "taken")
    assert [each.name for each in sink.spans] == ["taken"]
    assert [each.levelname for each in caplog.records] == ["WARNING", "INFO"], caplog.text
    assert REGISTRY.get_sample_value("catalyst_spans_lost_total") == lost + 3
