"""One shape for every error that the API answers: a reason for machines, a sentence for people."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from activities.protocols import GatewayError, OwnerGone, OwnerRefused
from store.database import DatabaseUnavailable

log = structlog.get_logger()


class Problem(BaseModel):
    """Body of every answer of 400 and above."""

    reason: str = Field(examples=["NotFound"])
    """Machine-readable, CamelCase."""
    message: str = Field(
        examples=["There is no environment 'ada-shop-pr-7': GET /api/v1/environments lists those that are."]
    )


class ApiError(Exception):
    """Raised by handlers; becomes a Problem."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.problem = Problem(reason=reason, message=message)


SENTENCES = {
    404: "There is nothing here: /docs lists what the API answers.",
    405: "This method isn't answered here: /docs lists what is.",
}
"""For errors that the framework finds."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: those statuses, with a Problem each."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses}


def install_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def answer_ours(request: Request, error: ApiError) -> JSONResponse:
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
        return _answer(error.status, error.problem, headers)

    @app.exception_handler(HTTPException)
    async def answer_frameworks(request: Request, error: HTTPException) -> JSONResponse:
        reason = HTTPStatus(error.status_code).phrase.title().replace(" ", "")
        message = SENTENCES.get(error.status_code, str(error.detail))
        return _answer(error.status_code, Problem(reason=reason, message=message), error.headers)

    @app.exception_handler(RequestValidationError)
    async def answer_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        # The input itself is left out: it may hold secrets.
        said = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        return _answer(422, Problem(reason="Invalid", message=f"{said}."))

    @app.exception_handler(GatewayError)
    async def answer_outside(request: Request, error: GatewayError) -> JSONResponse:
        status, reason = _status_of(error)
        return _answer(status, Problem(reason=reason, message=str(error)))

    @app.exception_handler(Exception)
    async def answer_mistake(request: Request, error: Exception) -> JSONResponse:
        return _answer(500, Problem(reason="Internal", message="A mistake of ours: the API's log has the details."))


def _status_of(error: GatewayError) -> tuple[int, str]:
    match error:
        case OwnerRefused():
            return 409, "Refused"
        case OwnerGone():
            return 410, "Gone"
        case DatabaseUnavailable():
            log.error("database unavailable", error=str(error))
            return 503, "DatabaseUnavailable"
    return 503, "Unavailable"


def _answer(status: int, problem: Problem, headers: Any = None) -> JSONResponse:
    return JSONResponse(problem.model_dump(), status, headers)
