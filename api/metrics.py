"""What the API process counts, for Prometheus."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LAG_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 3600)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
DURATION_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1, 5)


class Metrics:
    """Of one application: a registry of its own, so that two in one process don't share counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.deliveries = Counter(
            "catalyst_webhook_deliveries",
            "Webhooks by what became of them: stored, ignored, duplicate, or refused and why.",
            ["forge", "result"],
            registry=self.registry,
        )
        self.handed = Counter(
            "catalyst_deliveries_handed",
            "Attempts to hand a stored delivery to Temporal, by result: accepted, nobody (no workflow runs), failed.",
            ["result"],
            registry=self.registry,
        )
        self.lag = Histogram(
            "catalyst_delivery_lag_seconds",
            "From storing a delivery until Temporal accepted it.",
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "catalyst_deliveries_waiting", "Stored deliveries that wait for Temporal.", registry=self.registry
        )
        self.oldest = Gauge(
            "catalyst_delivery_oldest_seconds",
            "How long the oldest of them has waited; 0 when none waits.",
            registry=self.registry,
        )
        self.duration = Histogram(
            "catalyst_http_request_seconds",
            "From a request's first byte until its answer began.",
            ["method", "route", "status"],
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )


class MeasureRequests:
    """ASGI middleware: how long until the answer began (a followed log goes on for as long as its reader likes)."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def observe(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The route's pattern, never the path: paths are without number.
                route = getattr(scope.get("route"), "path", "unmatched")
                # Clients may name methods as they like.
                method = scope["method"] if scope["method"] in METHODS else "other"
                labels = method, route, str(message["status"])
                self._metrics.duration.labels(*labels).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, observe)
