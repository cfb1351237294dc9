"""Calls of gateways: what is measured, what becomes a span, and that there is an end to spans."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from dataclasses import fields
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider
from prometheus_client import REGISTRY

from activities import protocols
from activities.kinds import DEPLOYMENT, NAMESPACE, namespace_ref
from activities.protocols import Answer, BuildFailed, GatewayError, ObjectRef
from gateways.builder.buildkit import BuildKitBuilder
from gateways.cluster.fake import InMemoryCluster
from gateways.cluster.kubernetes import KubernetesCluster
from gateways.forge.gitea import GiteaForge
from gateways.probe.fake import InMemoryProbe
from gateways.probe.http import HttpProbe
from gateways.registry.distribution import DistributionRegistry
from gateways.sidecar.kubernetes import KubernetesSidecars
from gateways.source.branches import GitBranches
from gateways.source.git import GitSource
from gateways.temporal.owners import TemporalOwners
from store.audit import DatabaseAudit
from store.index import DatabaseIndex
from telemetry.calls import MOST, MOST_ALIKE, observed
from worker.assembly import Gateways
from worker.parts import OBSERVED

REAL = [
    (protocols.Cluster, KubernetesCluster),
    (protocols.Forge, GiteaForge),
    (protocols.Source, GitSource),
    (protocols.Branches, GitBranches),
    (protocols.Builder, BuildKitBuilder),
    (protocols.Registry, DistributionRegistry),
    (protocols.Sidecars, KubernetesSidecars),
    (protocols.Probe, HttpProbe),
    (protocols.Index, DatabaseIndex),
    (protocols.Audit, DatabaseAudit),
    (protocols.Owners, TemporalOwners),
]


class Spans:
    def __init__(self) -> None:
        self.provider, self._kept = TracerProvider(), InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.tracer = self.provider.get_tracer("test")

    @property
    def found(self) -> list[Any]:
        return [each for each in self._kept.get_finished_spans() if each.name != "activity"]

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.found]


@pytest.fixture
def spans() -> Spans:
    return Spans()


def measured(call: str, result: str, gateway: str = "cluster") -> float:
    labels = {"gateway": gateway, "call": call, "result": result}
    return REGISTRY.get_sample_value("catalyst_gateway_call_seconds_count", labels) or 0


async def test_names_and_numbers_and_nothing_that_was_sent(spans: Spans) -> None:
    cluster = observed(InMemoryCluster(), "cluster", spans.provider)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "here"}, "data": "canary"}
    with spans.tracer.start_as_current_span("activity") as parent:
        await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "here"}})
        await cluster.create(secret)
        await cluster.get(ObjectRef(DEPLOYMENT, "here", "web"))
        await cluster.list(DEPLOYMENT)
    assert spans.names == [
        *("cluster.create Namespace", "cluster.create Secret", "cluster.get Deployment", "cluster.list Deployment")
    ]
    assert {each.parent.span_id for each in spans.found} == {parent.get_span_context().span_id}
    asked = {"k8s.object.kind": "Deployment", "k8s.object.name": "web", "k8s.namespace.name": "here"}
    assert dict(spans.found[2].attributes) == asked
    assert "canary" not in str([each.to_json() for each in spans.found])


async def test_an_error_is_counted_and_seen_by_its_kind_and_goes_on(spans: Spans) -> None:
    inner = InMemoryCluster()
    cluster = observed(inner, "cluster", spans.provider)
    inner.fail_next("get", BuildFailed("canary"))
    before = measured("get", "BuildFailed")
    with spans.tracer.start_as_current_span("activity"), pytest.raises(BuildFailed):
        await cluster.get(namespace_ref("here"))
    [failed] = spans.found
    assert (failed.attributes["error.type"], failed.status.description) == ("BuildFailed", "BuildFailed")
    assert measured("get", "BuildFailed") == before + 1


@pytest.mark.parametrize(("error", "result"), [(KeyError("x"), "unexpected"), (GatewayError("x"), "GatewayError")])
async def test_kinds_of_errors_are_those_of_the_code(error: Exception, result: str) -> None:
    inner = InMemoryCluster()
    cluster = observed(inner, "cluster", NoOpTracerProvider())
    inner.fail_next("get", error)
    before = measured("get", result)
    with pytest.raises(type(error)):
        await cluster.get(namespace_ref("here"))
    assert measured("get", result) == before + 1


def test_every_gateway_of_the_worker_is_observed() -> None:
    assert {*OBSERVED, "forges", "logs"} == {each.name for each in fields(Gateways)}


@pytest.mark.parametrize(("protocol", "real"), REAL, ids=lambda each: each.__name__)
def test_every_call_of_the_real_ones_is_a_coroutine_function(protocol: type, real: type) -> None:
    """By that it is known; what decorates one must not hide it."""
    calls = [name for name, each in vars(protocol).items() if inspect.iscoroutinefunction(each)]
    assert calls and [each for each in calls if not inspect.iscoroutinefunction(getattr(real, each))] == []


async def test_one_that_is_cancelled_is_no_error_of_anybody() -> None:
    inner = InMemoryProbe()
    inner.hangs.add("get")
    probe, before = observed(inner, "probe", NoOpTracerProvider()), measured("get", "cancelled", "probe")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await probe.get("here.localhost")
    assert measured("get", "cancelled", "probe") == before + 1


async def test_outside_a_trace_there_are_no_spans(spans: Spans) -> None:
    """The watch and the lease ask every few seconds."""
    await observed(InMemoryCluster(), "cluster", spans.provider).get(namespace_ref("here"))
    assert spans.names == []


async def test_asking_until_it_is_so_shows_the_first_calls_and_changes(spans: Spans) -> None:
    inner = InMemoryProbe(Answer(502, ""))
    probe = observed(inner, "probe", spans.provider)
    with spans.tracer.start_as_current_span("activity"):
        for _ in range(200):
            await probe.get("here.localhost")
        inner.default = Answer(200, "")
        await probe.get("here.localhost")
    assert len(spans.found) == MOST_ALIKE + 1
    assert spans.found[-1].attributes["http.response.status_code"] == 200


async def test_there_is_an_end_to_it(spans: Spans) -> None:
    inner = InMemoryProbe(Answer(502, ""))
    probe = observed(inner, "probe", spans.provider)
    with spans.tracer.start_as_current_span("activity"):
        for number in range(2 * MOST):
            inner.default = Answer(500 + number % 2, "")
            await probe.get("here.localhost")
    assert len(spans.found) == MOST
    with spans.tracer.start_as_current_span("activity"):
        await probe.get("here.localhost")
    assert len(spans.found) == MOST + 1, "each activity has its own"


async def test_what_is_no_call_is_let_through(spans: Spans) -> None:
    cluster = observed(InMemoryCluster(), "cluster", spans.provider)
    with spans.tracer.start_as_current_span("activity"):
        events: AsyncIterator[Any] = cluster.watch(NAMESPACE)
        async for event in events:
            assert event.object["kind"] == "Namespace"
            break
    assert spans.names == []
