"""What watches the worker process asks: /healthz (does it get anything done), /readyz, /metrics."""

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from worker.context import Progress


def create_health_app(progress: Progress, most_seconds: float) -> FastAPI:
    """`most_seconds`: without any finished activity for so long it counts as stuck (Reconcile brings one every minute)."""
    app = FastAPI(title="Catalyst worker", openapi_url=None)

    @app.get("/healthz")
    @app.get("/readyz")
    async def health(response: Response) -> dict[str, object]:
        is_stuck = progress.seconds_ago > most_seconds
        response.status_code = 503 if is_stuck else 200
        return {"status": "stuck" if is_stuck else "ok", "seconds_since_progress": round(progress.seconds_ago, 1)}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app
