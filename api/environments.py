"""Environments as people and tools read them, from the index."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from activities.protocols import IndexRow
from api.auth import Caller
from api.errors import ApiError, problems
from api.parts import ApiParts, Parts
from environments.model import Condition, Phase, PullRequestKey, Step
from environments.overriding import Overridden
from environments.report import EnvironmentReport
from store.index import Filter

router = APIRouter(prefix="/api/v1", tags=["environments"])

TEXT = r"^[^\x00]*$"
"""PostgreSQL takes no text with a NUL in it, not even to look for it."""
MAX_NUMBER = 2**63 - 1
"""Of a column for pull requests' numbers."""

Namespace = Annotated[
    str,
    Path(description="The environment namespace: the environment's name.", examples=["ada-shop-pr-7"], pattern=TEXT),
]


class EnvironmentSummary(BaseModel):
    namespace: str = Field(examples=["ada-shop-pr-7"])
    """The environment namespace: its name in the API."""
    team: str = Field(examples=["ada"])
    project: str = Field(examples=["shop"])
    environment: str = Field(examples=["pr-7"])
    pull_request: PullRequestKey | None
    """None for one that no pull request owns."""
    phase: Phase
    url: str | None
    """Only once something answers there."""
    commit: str | None
    """The commit that the phase speaks of."""
    deployed_commit: str | None
    """The commit that runs: an older one while a new rollout goes on."""
    reason: str
    """Machine-readable, CamelCase; empty while all is well."""
    message: str
    """One sentence for people."""
    updated_at: datetime | None


class EnvironmentDetail(EnvironmentSummary):
    rollout: int
    """Number of the newest attempt."""
    steps: tuple[Step, ...]
    conditions: tuple[Condition, ...]
    notes: tuple[str, ...]
    overridden: tuple[Overridden, ...]
    """What people set instead of what was detected, who and when; until it is reset."""
    links: dict[str, str]
    """URLs: self, the logs of the newest rollout, the environment."""


class EnvironmentList(BaseModel):
    environments: list[EnvironmentSummary]


@router.get(
    "/environments",
    operation_id="list_environments",
    summary="List environments",
    responses=problems(401, 422, 503),
)
async def list_environments(
    parts: Parts,
    caller: Caller,
    team: Annotated[str | None, Query(description="Only this team's.", pattern=TEXT)] = None,
    project: Annotated[str | None, Query(description="Only this project's.", pattern=TEXT)] = None,
    phase: Annotated[Phase | None, Query(description="Only in this phase; deleted ones come only this way.")] = None,
    pull_request: Annotated[
        int | None, Query(description="Only those of pull requests with this number.", ge=0, le=MAX_NUMBER)
    ] = None,
) -> EnvironmentList:
    """The environments that are not gone, those that changed last first."""
    rows = await parts.index.list(Filter(team, project, phase, pull_request))
    return EnvironmentList(environments=[EnvironmentSummary(**_summary(row)) for row in rows])


@router.get(
    "/environments/{namespace}",
    operation_id="get_environment",
    summary="One environment",
    responses=problems(401, 404, 422, 503),
)
async def get_environment(parts: Parts, caller: Caller, namespace: Namespace) -> EnvironmentDetail:
    """Its phase, URL, commits, the steps of the newest rollout with their times, conditions, and why it is as it is."""
    row = await row_of(parts, namespace)
    report = EnvironmentReport.model_validate(row.report)
    return EnvironmentDetail(
        **_summary(row),
        rollout=report.rollout,
        steps=report.steps,
        conditions=report.conditions,
        notes=report.remarks,
        overridden=report.overridden,
        links=_links(parts.settings.api.public_url, row.namespace, report),
    )


async def row_of(parts: ApiParts, namespace: str) -> IndexRow:
    """Raises ApiError (404)."""
    row = await parts.index.get(namespace)
    if row is None:
        message = f"There is no environment {namespace[:100]!r}: GET /api/v1/environments lists those that are."
        raise ApiError(404, "NotFound", message)
    return row


def _summary(row: IndexRow) -> dict[str, Any]:
    report = EnvironmentReport.model_validate(row.report)
    return {
        **row.model_dump(include={"namespace", "team", "project", "environment"}),
        "pull_request": row.pull_request,
        "phase": report.phase,
        "url": report.url,
        "commit": report.sha,
        "deployed_commit": report.deployed_sha,
        "reason": report.reason,
        "message": report.message,
        "updated_at": report.updated_at,
    }


def _links(public_url: str, namespace: str, report: EnvironmentReport) -> dict[str, str]:
    here = f"{public_url.rstrip('/')}/api/v1/environments/{namespace}"
    links = {"self": here} | {f"{log}_log": f"{here}/logs/{log}" for log in ("build", "install", "container")}
    return links | {"environment": report.url} if report.url else links
