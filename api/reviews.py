"""What the API server asks before it deletes an Environment: news of who does, never a question (docs/decisions/0018).

Served alone on a listener with TLS, as an API server calls nothing else; the path's end is a secret that only its configuration has.
"""

import secrets
from typing import Literal

import structlog
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel

from activities.protocols import GatewayError
from api.errors import ApiError, install_error_handlers
from api.parts import ApiParts, Parts
from environments.deletions import Review, deletion_of

MAX_BODY_BYTES = 4 * 1024 * 1024
"""The API server takes objects of 3 MiB at most."""

log = structlog.get_logger()


class Allowed(BaseModel):
    uid: str
    """Of the question."""
    allowed: Literal[True] = True


class Answer(BaseModel):
    """`AdmissionReview` of admission.k8s.io/v1."""

    apiVersion: Literal["admission.k8s.io/v1"] = "admission.k8s.io/v1"
    kind: Literal["AdmissionReview"] = "AdmissionReview"
    response: Allowed


async def _knows_the_secret(parts: Parts, secret: str) -> None:
    """Raises ApiError (404). A forged review would put words of its sender on a pull request."""
    known = parts.settings.reviews.secret.get_secret_value()
    if not known or not secrets.compare_digest(secret.encode(), known.encode()):
        raise ApiError(404, "NotFound", "There is nothing here.")


router = APIRouter(max_body_size=MAX_BODY_BYTES, dependencies=[Depends(_knows_the_secret)])


@router.post("/deletions/{secret}")
async def review_deletion(parts: Parts, review: Review) -> Answer:
    """Noted before it is answered: what is deleted afterwards may be looked at at once."""
    deletion = deletion_of(review.request, parts.settings.account)
    if deletion is not None:
        try:
            await parts.audit.note_deletion(deletion)
        except GatewayError as error:
            log.warning("a deletion by hand couldn't be noted", by=deletion.by, error=str(error))
    return Answer(response=Allowed(uid=review.request.uid))


def create_review_app(parts: ApiParts) -> FastAPI:
    """The listener's application: nothing else, and no description of itself."""
    app = FastAPI(openapi_url=None)
    app.state.parts = parts
    install_error_handlers(app)
    app.include_router(router)
    return app
