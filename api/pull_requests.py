"""What people and tools may ask of a pull request that has no environment yet: its owning workflow accepts or refuses."""

from typing import Annotated

from fastapi import APIRouter, Body, Path
from pydantic import Field

from activities.protocols import GatewayError, OwnerGone
from api.auth import Caller
from api.commands import MAX_BODY_BYTES, NO_REASON, REFUSALS, Accepted, Why
from api.errors import ApiError
from api.parts import ApiParts, Parts
from environments.model import PullRequestKey
from environments.work import Request

router = APIRouter(prefix="/api/v1/pull-requests", tags=["commands"], max_body_size=MAX_BODY_BYTES)

Forge = Annotated[str, Path(pattern="^[a-z]{1,20}$", examples=["gitea"])]
Id = Annotated[int, Path(gt=0, lt=10**18)]


class ApprovalBody(Why):
    sha: Annotated[str, Field(pattern="^[0-9a-f]{40}$|^[0-9a-f]{64}$", examples=["0123456789" * 4])]
    """The commit that was looked at, by its whole SHA."""


@router.post(
    "/{forge}/{repository}/{number}/approve",
    status_code=202,
    operation_id="approve_pull_request",
    summary="Allow a fork's commit to be cloned, built and run",
    responses=REFUSALS,
)
async def approve(
    parts: Parts, caller: Caller, forge: Forge, repository: Id, number: Id, body: ApprovalBody
) -> Accepted:
    """Of the newest commit only; a push takes it back. `repository`: its numeric id on the forge."""
    key = PullRequestKey(forge=forge, repository_id=repository, number=number)
    return await _ask(parts, key, "approve", Request(by=caller, reason=body.reason, sha=body.sha))


@router.post(
    "/{forge}/{repository}/{number}/deploy",
    status_code=202,
    operation_id="deploy_pull_request",
    summary="Start a preview that the project's rules make on request, or lift a stop",
    responses=REFUSALS,
)
async def deploy(
    parts: Parts,
    caller: Caller,
    forge: Forge,
    repository: Id,
    number: Id,
    why: Annotated[Why, Body()] = NO_REASON,
) -> Accepted:
    key = PullRequestKey(forge=forge, repository_id=repository, number=number)
    return await _ask(parts, key, "deploy", Request(by=caller, reason=why.reason))


async def _ask(parts: ApiParts, key: PullRequestKey, update: str, request: Request) -> Accepted:
    """Raises OwnerRefused, ApiError (410), GatewayError."""
    subject = f"{key.forge}/{key.repository_id}#{key.number}"
    entry = await parts.audit.begin(request.by, update, subject, {"reason": request.reason, "sha": request.sha})
    try:
        message = await parts.owners.ask_pull_request(key, update, request)
    except OwnerGone as error:
        await parts.audit.conclude(entry, str(error))
        text = f"Nothing runs for pull request {subject}: it is closed, or not known yet; open ones are picked up within a minute."
        raise ApiError(410, "Gone", text) from error
    except GatewayError as error:
        await parts.audit.conclude(entry, str(error))
        raise
    await parts.audit.conclude(entry, "accepted")
    return Accepted(message=message)
