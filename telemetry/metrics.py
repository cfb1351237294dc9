"""What API and worker count alike, for Prometheus; docs/metrics.md explains every metric.

Labels are from vocabularies of the code: no team, repository, branch or commit is one, since whoever reads /metrics has no token.
"""

from prometheus_client import Counter, Histogram

CALL_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1200)
"""From a look-up in the cluster to a build."""

CALLS = Histogram(
    "catalyst_gateway_call_seconds",
    "Calls of outside systems, by result: ok, the error's kind, cancelled, or unexpected.",
    ["gateway", "call", "result"],
    buckets=CALL_BUCKETS,
)
SPANS_LOST = Counter("catalyst_spans_lost", "Spans that the collector of traces didn't take.")
ACTIVITIES = Histogram(
    "catalyst_activity_seconds",
    "Attempts of the worker's activities, by result: ok, the error's kind, cancelled, or unexpected.",
    ["activity", "result"],
    buckets=CALL_BUCKETS,
)
