"""docs/metrics.md and what the processes count say the same; and nobody is named by it."""

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

import worker.__main__  # noqa: F401
from api.metrics import Metrics
from telemetry import metrics as of_both
from worker.parts import OBSERVED

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(catalyst_\w+)` \| (API|worker|both) \| (.*?) ?\| (.+) \| (.+) \|$", re.MULTILINE)
VOCABULARIES = {"method", "route", "status", "forge", "result", "step", "kind", "activity", "gateway", "call"}
"""Labels whose values the code knows."""


def metrics(registry: CollectorRegistry) -> dict[str, MetricWrapperBase]:
    """Ours, by the name under which Prometheus finds them."""
    found = [each for each in registry._collector_to_names if isinstance(each, MetricWrapperBase)]
    families = [(family, each) for each in found for family in each.describe()]
    return {
        family.name + ("_total" if family.type == "counter" else ""): each
        for family, each in families
        if family.name.startswith("catalyst_")
    }


def test_every_metric_is_on_the_page_and_no_other() -> None:
    api, worker = metrics(Metrics().registry), metrics(REGISTRY)
    both = {name for name, each in worker.items() if each in (of_both.CALLS, of_both.SPANS_LOST)}
    expected = dict.fromkeys(api, "API") | dict.fromkeys(worker, "worker") | dict.fromkeys(both, "both")
    assert {name: where for name, where, *_ in ROW.findall(PAGE.read_text())} == expected


def test_labels_are_those_of_the_page_and_name_nobody() -> None:
    known = metrics(Metrics().registry) | metrics(REGISTRY)
    documented = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, _, labels, *_ in ROW.findall(PAGE.read_text())}
    assert documented == {name: each._labelnames for name, each in known.items()}
    assert {label for labels in documented.values() for label in labels} <= VOCABULARIES


def test_outside_systems_are_those_of_the_page() -> None:
    [meaning] = [row[3] for row in ROW.findall(PAGE.read_text()) if row[0] == "catalyst_gateway_call_seconds"]
    [systems] = re.findall(r"outside systems \((.+?)\)", meaning)
    assert set(re.findall(r"`(\w+)`", systems)) == {"forge", *OBSERVED.values()}


@pytest.mark.parametrize("row", ROW.findall(PAGE.read_text()), ids=lambda row: row[0])
def test_each_says_what_it_means_and_when_to_look(row: tuple[str, ...]) -> None:
    assert min(len(row[3]), len(row[4])) > 7
