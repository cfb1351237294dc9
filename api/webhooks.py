"""The way in for forges: signature over the raw body, stored, 202; handed on by the dispatcher (design: rule 1)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qs

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from activities.traces import current_traceparent
from api.dispatcher import Dispatcher
from api.errors import ApiError, problems
from api.events import Ignored, parse_event
from api.metrics import Metrics
from api.parts import ApiParts, Parts
from api.signature import is_signed

router = APIRouter(tags=["webhooks"])
log = structlog.get_logger()

LONGEST_ID = 200
NOT_SERVED = Ignored(reason="No GitHub is served: set CATALYST_GITHUB__APP_ID and its key, or CATALYST_GITHUB__TOKEN.")

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The forge's payload, signed with HMAC-SHA256 over the raw body.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/x-www-form-urlencoded": {
                "schema": {"type": "object", "properties": {"payload": {"type": "string"}}}
            },
        },
    }
}


class Receipt(BaseModel):
    """What became of a delivery."""

    delivery: str = Field(examples=["5a0d1c2e-7f3b-4f0e-9c1e-0a6a3b0d9e11"])
    """The forge's id of it, or a digest of the body where it has none."""
    status: Literal["stored", "ignored", "duplicate"]
    reason: str = ""
    """Why it is ignored."""


@router.post(
    "/webhooks/gitea",
    status_code=202,
    operation_id="receive_gitea_webhook",
    summary="Receive a webhook of Gitea or Forgejo",
    responses=problems(400, 401, 413, 503),
    openapi_extra=BODY,
)
async def receive_gitea(request: Request, parts: Parts) -> Receipt:
    """Signed in `X-Gitea-Signature` or `X-Hub-Signature-256`. Answered once it is stored; a redelivery is a `duplicate`."""
    secret = parts.settings.gitea.webhook_secret.get_secret_value()
    return await _receive(request, parts, "gitea", secret)


@router.post(
    "/webhooks/github",
    status_code=202,
    operation_id="receive_github_webhook",
    summary="Receive a webhook of GitHub",
    responses=problems(400, 401, 413, 503),
    openapi_extra=BODY,
)
async def receive_github(request: Request, parts: Parts) -> Receipt:
    """Signed in `X-Hub-Signature-256`. Only counted while no GitHub is served (CATALYST_GITHUB__APP_ID or __TOKEN)."""
    secret = parts.settings.github.webhook_secret.get_secret_value()
    return await _receive(request, parts, "github", secret)


async def _receive(request: Request, parts: ApiParts, forge: str, secret: str) -> Receipt:
    metrics: Metrics = request.app.state.metrics
    try:
        body = await _body(request, parts.settings.api.max_body_bytes)
        _check_signature(forge, secret, body, request.headers)
        text, payload = _payload(body, request.headers.get("content-type", ""))
        receipt = await _store(parts, forge, request.headers, text.encode(), payload)
    except ApiError as error:
        metrics.deliveries.labels(forge, error.problem.reason).inc()
        raise
    metrics.deliveries.labels(forge, receipt.status).inc()
    if receipt.status == "stored":
        dispatcher: Dispatcher = request.app.state.dispatcher
        dispatcher.wake()
    return receipt


async def _body(request: Request, limit: int) -> bytes:
    """Raises ApiError (413) before more than the limit is read; the framework's own limit answers without a sentence."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            message = (
                f"The webhook is larger than {limit} bytes: raise CATALYST_API__MAX_BODY_BYTES if the forge is right."
            )
            raise ApiError(413, "TooLarge", message)
    return bytes(body)


def _check_signature(forge: str, secret: str, body: bytes, headers: Mapping[str, str]) -> None:
    setting = f"CATALYST_{forge.upper()}__WEBHOOK_SECRET"
    if not secret:
        raise ApiError(401, "NoSecret", f"Webhooks of {forge} can't be verified: set {setting}.")
    if not is_signed(secret, body, headers):
        message = f"The signature doesn't match: the webhook's secret on the forge must be that of {setting}."
        raise ApiError(401, "BadSignature", message)


def _json_text(body: bytes, content_type: str) -> str:
    """The body, or a form's field `payload`, as GitHub sends by default. Raises ValueError, KeyError."""
    text = body.decode()
    if content_type.startswith("application/x-www-form-urlencoded"):
        return parse_qs(text, strict_parsing=True, max_num_fields=10)["payload"][0]
    return text


def _payload(body: bytes, content_type: str) -> tuple[str, dict[str, Any]]:
    """The JSON as text and as an object. Raises ApiError (400)."""
    try:
        text = _json_text(body, content_type)
        payload = json.loads(text)
    except (ValueError, KeyError, RecursionError) as error:
        raise ApiError(400, "Unparsable", "The body is no JSON: set the webhook's content type to JSON.") from error
    if not isinstance(payload, dict):
        raise ApiError(400, "Unparsable", "The body is JSON but not an object: forges send objects.")
    return text, payload


async def _store(
    parts: ApiParts, forge: str, headers: Mapping[str, str], body: bytes, payload: dict[str, Any]
) -> Receipt:
    event = _header(headers, "event")[:LONGEST_ID]
    delivery = _header(headers, "delivery")
    if not delivery or len(delivery) > LONGEST_ID:
        delivery = hashlib.sha256(event.encode() + b"\n" + body).hexdigest()
    parsed = parse_event(forge, event, payload) if _is_served(parts, forge) else NOT_SERVED
    reason = parsed.reason if isinstance(parsed, Ignored) else None
    is_new = await parts.deliveries.add(forge, delivery, event, body, ignored=reason, traceparent=current_traceparent())
    status: Literal["stored", "ignored", "duplicate"] = "duplicate" if not is_new else "ignored" if reason else "stored"
    log.info("webhook", forge=forge, webhook=event, delivery=delivery, status=status)
    return Receipt(delivery=delivery, status=status, reason=reason or "")


def _is_served(parts: ApiParts, forge: str) -> bool:
    return forge != "github" or parts.settings.github.is_served


def _header(headers: Mapping[str, str], name: str) -> str:
    return headers.get(f"x-gitea-{name}") or headers.get(f"x-github-{name}") or ""
