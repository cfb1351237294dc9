"""Build, install, container and egress logs as text, finished or while they grow."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from activities.protocols import Cluster, ClusterGone, Kind
from api.auth import Caller
from api.environments import Namespace, row_of
from api.errors import ApiError, problems
from api.parts import ApiParts, Parts
from environments import labels
from environments.report import EnvironmentReport
from store.logs import FileLogs

router = APIRouter(prefix="/api/v1", tags=["logs"])

POD = Kind("v1", "Pod")
LogName = Literal["build", "install", "container", "command", "egress"]
TEXT = "text/plain; charset=utf-8"
LIVE_LINES = 10_000
"""Of a running container, when nobody says how many: what floods its output would take minutes to read whole."""
LIVE_BYTES = 8 << 20
"""Of a running container that isn't followed: its lines may be long."""
CUT = b"\n[... longer than an answer may be: ask for fewer of the last lines (tail) ...]\n"


@router.get(
    "/environments/{namespace}/logs/{log}",
    operation_id="read_log",
    summary="One log of an environment, as text",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(401, 404, 422, 503)},
)
async def read_log(
    parts: Parts,
    caller: Caller,
    namespace: Namespace,
    log: LogName,
    follow: Annotated[bool, Query(description="Go on while it grows, until the client goes or the log ends.")] = False,
    rollout: Annotated[int | None, Query(ge=1, description="Number of the attempt; without: the newest.")] = None,
    tail: Annotated[int | None, Query(ge=1, le=100_000, description="Only the last lines.")] = None,
) -> StreamingResponse:
    """`build` and `install` come from the log store, which keeps them after the environment is gone; `container` comes
    live from the cluster while there is a pod (its last 10,000 lines, unless `tail` says otherwise), else from the log store; `command` is the last words of a dev command that failed;
    `egress` says which outside hosts were refused, and what would allow them."""
    row = await row_of(parts, namespace)
    number = rollout or EnvironmentReport.model_validate(row.report).rollout
    if log == "container" and (pod := await _newest_pod(parts.cluster, namespace, number)):
        return _answer(_live(parts.cluster, pod, follow, tail))
    log_id = f"{namespace}/{number}/{log}"
    if not parts.logs.exists(log_id):
        raise _no_such_log(parts, log, namespace, number)
    return _answer(_follow(parts.logs, log_id, tail) if follow else _stored(parts.logs, log_id, tail))


def _answer(chunks: Any) -> StreamingResponse:
    # Hostile code wrote it: a browser must not take it for a page.
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return StreamingResponse(chunks, media_type=TEXT, headers=headers)


def _stored(logs: FileLogs, log_id: str, tail: int | None) -> Any:
    if tail is not None:
        text = logs.tail(log_id, tail)
        return iter([f"{text}\n".encode() if text else b""])
    return logs.content(log_id)


async def _follow(logs: FileLogs, log_id: str, tail: int | None) -> AsyncIterator[bytes]:
    offset = 0 if tail is None else logs.offset_of_last(log_id, tail)
    async for chunk in logs.follow(log_id, offset):
        yield chunk


async def _newest_pod(cluster: Cluster, namespace: str, rollout: int) -> dict[str, Any] | None:
    """Of that rollout, or a development pod, which outlives rollouts; one that runs before one that doesn't."""
    pods: Sequence[dict[str, Any]] = await cluster.list(POD, namespace, {labels.MANAGED_BY: labels.MANAGER})
    pods = [pod for pod in pods if pod["metadata"]["labels"].get(labels.ROLLOUT, str(rollout)) == str(rollout)]
    started = [pod for pod in pods if pod.get("status", {}).get("containerStatuses")]
    return max(started, key=_rank, default=None)


def _rank(pod: dict[str, Any]) -> tuple[bool, str]:
    return pod["status"].get("phase") == "Running", pod["metadata"].get("creationTimestamp", "")


async def _live(cluster: Cluster, pod: dict[str, Any], follow: bool, tail: int | None) -> AsyncIterator[bytes]:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    container = pod["spec"]["containers"][0]["name"]
    try:
        chunks = cluster.pod_log(namespace, name, container, follow=follow, tail_lines=tail or LIVE_LINES)
        async for chunk in chunks if follow else _bounded(chunks):
            yield chunk
    except ClusterGone:
        return  # it was removed while it was read: that is its end


async def _bounded(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    left = LIVE_BYTES
    async with aclosing(cast(Any, chunks)) as whole:
        async for chunk in whole:
            yield chunk[:left]
            left -= len(chunk)
            if left < 0:
                yield CUT
                return


def _no_such_log(parts: ApiParts, log: str, namespace: str, rollout: int) -> ApiError:
    known = sorted({each.split("/")[1] for each in parts.logs.ids(f"{namespace}/") if each.endswith(f"/{log}")})
    others = f" Rollouts that have one: {', '.join(known)}." if known else ""
    message = (
        f"Rollout {rollout} of {namespace} has no {log} log: it has not begun, or that rollout needed none.{others}"
    )
    return ApiError(404, "NoSuchLog", message)
