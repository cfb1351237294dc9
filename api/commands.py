"""What people and tools may ask of an environment. Its owning workflow accepts or refuses; every request is in the audit log."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from activities.protocols import GatewayError, IndexRow, OwnerGone
from api.auth import Caller
from api.environments import Namespace, row_of
from api.errors import ApiError, problems
from api.parts import ApiParts, Parts
from environments.model import EnvironmentKey, Phase
from environments.names import project_namespace
from environments.overriding import Scope
from environments.pushing import NO_PULL_REQUEST
from environments.work import OverrideRequest, PushRequest, Request
from store.overrides import told

MAX_BODY_BYTES = 256 * 1024
"""Of a command: an override's variables are what is longest in one."""

router = APIRouter(prefix="/api/v1", tags=["commands"], max_body_size=MAX_BODY_BYTES)

REFUSALS = problems(401, 404, 409, 410, 422, 503)

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=10_000)]


class Why(BaseModel):
    """Optional body of a command."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=1000, examples=["The registry was down."])] = ""


NO_REASON = Why()


class OverrideBody(Why):
    """What is given is set, what isn't stays; `reset` first forgets all that people set before."""

    command: Text | None = Field(None, examples=["npm run dev"])
    workdir: Text | None = Field(None, examples=["packages/web"])
    """Relative to the repository's root."""
    port: int | None = Field(None, ge=1, le=65535, examples=[3000])
    env: dict[VariableName, str] | None = Field(None, examples=[{"API_URL": "http://api"}])
    image: Text | None = None
    tag: Text | None = None
    reset: bool = False
    scope: Scope = "project"
    """`project`: for all environments of the project that are of the same type, now and later; `environment`: for this one."""

    @field_validator("workdir")
    @classmethod
    def _stays_inside(cls, workdir: str | None) -> str | None:
        path = PurePosixPath(workdir or ".")
        if path.is_absolute() or ".." in path.parts:
            raise ValueError("it must lie inside the repository: relative, without `..`")
        return workdir

    @model_validator(mode="after")
    def _says_something(self) -> "OverrideBody":
        if not self.model_dump(exclude={"reason", "scope"}, exclude_defaults=True):
            raise ValueError("nothing to override: give command, workdir, port, env, image, tag or reset")
        return self


class PushBody(Why):
    message: Annotated[str, Field(max_length=5000, examples=["Fix the typo"])] = ""
    """Everything that was changed in the environment is committed first, with this message; empty: only what is committed is pushed."""

    @field_validator("message")
    @classmethod
    def _is_text(cls, message: str) -> str:
        if any(not character.isprintable() and character not in "\n\t" for character in message):
            raise ValueError("it must be plain text")
        return message.strip()


NO_MESSAGE = PushBody()


class Accepted(BaseModel):
    message: str = Field(examples=["The newest commit is being deployed again."])
    """What happens now, in one sentence."""


@router.post(
    "/environments/{namespace}/retry",
    status_code=202,
    operation_id="retry_environment",
    summary="Deploy the newest commit again, or lift a stop",
    responses=REFUSALS,
)
async def retry(
    parts: Parts, caller: Caller, namespace: Namespace, why: Annotated[Why, Body()] = NO_REASON
) -> Accepted:
    return await _ask(parts, namespace, "retry", "retry", Request(by=caller, reason=why.reason))


@router.post(
    "/environments/{namespace}/stop",
    status_code=202,
    operation_id="stop_environment",
    summary="Remove it until `retry`",
    responses=REFUSALS,
)
async def stop(parts: Parts, caller: Caller, namespace: Namespace, why: Annotated[Why, Body()] = NO_REASON) -> Accepted:
    """The pull request stays open; its preview is removed and comes back with `retry`."""
    return await _ask(parts, namespace, "stop", "close", Request(by=caller, reason=why.reason))


@router.post(
    "/environments/{namespace}/delete",
    status_code=202,
    operation_id="delete_environment",
    summary="Remove the environment",
    responses=REFUSALS,
)
async def delete(
    parts: Parts, caller: Caller, namespace: Namespace, why: Annotated[Why, Body()] = NO_REASON
) -> Accepted:
    """Namespace, volumes and images. A preview comes back with `retry` while its pull request is open."""
    return await _ask(parts, namespace, "delete", "close", Request(by=caller, reason=why.reason))


@router.delete(
    "/environments/{namespace}",
    status_code=202,
    operation_id="delete_environment_by_method",
    summary="The same by HTTP's own method",
    responses=REFUSALS,
)
async def delete_by_method(parts: Parts, caller: Caller, namespace: Namespace) -> Accepted:
    return await delete(parts, caller, namespace)


@router.post(
    "/environments/{namespace}/override",
    status_code=202,
    operation_id="override_environment",
    summary="Set what was detected wrongly",
    responses=REFUSALS,
)
async def override(parts: Parts, caller: Caller, namespace: Namespace, body: OverrideBody) -> Accepted:
    """It outlives commits, until it is reset. Who set what and when is told with the environment."""
    given = body.model_dump(exclude_unset=True, exclude={"scope"})
    request = OverrideRequest(by=caller, scope=body.scope, **given)
    accepted = await _ask(parts, namespace, "override", "override", request, told(request))
    await parts.overrides.record(namespace, request)
    return accepted


@router.post(
    "/environments/{namespace}/push",
    operation_id="push_environment",
    summary="Push what was committed in it",
    responses=REFUSALS,
)
async def push(
    parts: Parts, caller: Caller, namespace: Namespace, body: Annotated[PushBody, Body()] = NO_MESSAGE
) -> Accepted:
    """To the branch of its pull request, forward only; answered when it is done."""
    request = PushRequest(by=caller, reason=body.reason, message=body.message)
    return await _ask(parts, namespace, "push", "push", request)


async def _ask(
    parts: ApiParts, namespace: str, action: str, update: str, request: Request, detail: Mapping[str, Any] | None = None
) -> Accepted:
    """Raises OwnerRefused, ApiError (404, 410), GatewayError."""
    row = await row_of(parts, namespace)
    entry = await parts.audit.begin(request.by, action, namespace, detail or {"reason": request.reason})
    try:
        message = await _ask_owner(parts, row, update, request)
    except (GatewayError, ApiError) as error:
        await parts.audit.conclude(entry, str(error))
        raise
    await parts.audit.conclude(entry, "accepted")
    return Accepted(message=message)


async def _ask_owner(parts: ApiParts, row: IndexRow, update: str, request: Request) -> str:
    try:
        if row.pull_request is not None:
            return await parts.owners.ask_pull_request(row.pull_request, update, request)
        if row.report.get("phase") == Phase.DELETED:
            raise OwnerGone("")
        if isinstance(request, PushRequest):
            raise ApiError(409, "Refused", NO_PULL_REQUEST)
        key = EnvironmentKey(namespace=project_namespace(row.team, row.project), name=row.environment)
        return await parts.owners.ask_environment(key, update, request)
    except OwnerGone as error:
        raise ApiError(410, "Gone", _gone(row)) from error


def _gone(row: IndexRow) -> str:
    if row.pull_request is None:
        return f"The environment {row.namespace} is gone: make it anew."
    return (
        f"Nothing runs for pull request {row.pull_request.number} of {row.team}/{row.project}: if it is closed, reopen it "
        "on the forge; if it is open, it is picked up within a minute."
    )
