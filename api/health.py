"""Whether the process lives, whether it can serve, and what it counted."""

import asyncio
from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from activities.protocols import GatewayError, Owners
from api.errors import problems
from api.metrics import Metrics
from api.parts import Parts

router = APIRouter(tags=["health"])

PATIENCE_SECONDS = 2.0
"""Less than probes usually wait."""
NO_WORKFLOW = "readiness"
"""An id that no workflow has: asking for it only tells whether Temporal answers."""


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    database: Literal["ok"] = "ok"
    temporal: str = Field(examples=["ok"])
    """`ok`, or what is wrong; webhooks are taken without it too."""
    waiting: int
    """Deliveries that were not handed to Temporal yet."""


@router.get("/healthz", operation_id="health", summary="Whether the process lives")
async def health() -> Health:
    return Health()


@router.get(
    "/readyz",
    operation_id="readiness",
    summary="Whether requests can be served: the database answers",
    responses=problems(503),
)
async def readiness(parts: Parts) -> Readiness:
    """Temporal's state is said and not required: without it, webhooks are stored and handed on later."""
    waiting = await parts.deliveries.waiting()
    return Readiness(temporal=await _temporal(parts.owners), waiting=waiting.count)


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Counts for Prometheus",
    response_class=Response,
    responses=problems(503),
)
async def metrics(request: Request, parts: Parts) -> Response:
    """The application's, then what the process counts whatever it serves (calls of outside systems, memory)."""
    own: Metrics = request.app.state.metrics
    waiting = await parts.deliveries.waiting()
    own.waiting.set(waiting.count)
    own.oldest.set((datetime.now(UTC) - waiting.oldest).total_seconds() if waiting.oldest else 0)
    return Response(generate_latest(own.registry) + generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _temporal(owners: Owners) -> str:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await owners.runs(NO_WORKFLOW)
    except GatewayError as error:
        return str(error)
    except TimeoutError:
        return f"Temporal didn't answer within {PATIENCE_SECONDS:g} s: see TEMPORAL_ADDRESS."
    return "ok"
