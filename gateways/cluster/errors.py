"""What the API server's refusals become. Callers branch on the types in activities.protocols; the rest is worth another try.

GatewayError
├── ClusterConflict     409, and 422 for another uid than the stored object's
├── ClusterRefused      400, 405, 413, 415, 422
│   └── ClusterForbidden  403
├── ClusterGone         404, 410
└── ClusterUnavailable  everything else: 401, 429, 5xx, time-outs, no connection
"""

import json
from datetime import timedelta
from typing import Any

from activities.protocols import ClusterConflict, ClusterGone, ClusterRefused, GatewayError

MAX_MESSAGE = 1000
"""Characters of the server's own words that we pass on; admission messages can quote whole objects."""


class ClusterUnavailable(GatewayError):
    """The API server didn't answer, or said that it can't just now."""

    retryable = True


class ClusterForbidden(ClusterRefused):
    """403: for a read, RBAC; for a write, admission or quota too."""


class WatchExpired(ClusterGone):
    """410: the place where a watch wants to go on is no longer remembered; list again. Never leaves this package."""


def error_from(status: int, body: bytes, what: str, retry_after: str | None = None) -> GatewayError:
    """The error for one answer; `what` names the call, as in "apply Deployment team-x/web"."""
    answer = parse_status(body)
    text = f"{what}: {_sentence(answer, body)} ({status})"
    if _is_quota_race(status, answer):
        return ClusterUnavailable(text)
    if status == 410:
        return WatchExpired(text)
    if status == 404:
        return ClusterGone(text)
    if status == 409 or _is_other_uid(answer):
        return ClusterConflict(text)
    if status == 403:
        return ClusterForbidden(text)
    if status in (400, 405, 413, 415, 422):
        return ClusterRefused(text)
    return ClusterUnavailable(text, retry_after=_seconds(retry_after))


def unavailable(what: str, cause: BaseException) -> ClusterUnavailable:
    """The error for a call that got no answer."""
    detail = str(cause)[:MAX_MESSAGE] or type(cause).__name__
    return ClusterUnavailable(f"{what}: the Kubernetes API server didn't answer: {detail}")


def parse_status(body: bytes) -> dict[str, Any]:
    """The `Status` object in an answer; empty when it is something else (a proxy's page, a kubelet's text)."""
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}


def _sentence(answer: dict[str, Any], body: bytes) -> str:
    text = answer.get("message") or body.decode(errors="replace") or "no explanation"
    return " ".join(str(text).split())[:MAX_MESSAGE]


def _is_quota_race(status: int, answer: dict[str, Any]) -> bool:
    # Two creations at once race for the quota's own record and one of them gets a 409 that has nothing to do with its
    # object: it would look like "exists already" to a caller of create.
    return status == 409 and (answer.get("details") or {}).get("kind") == "resourcequotas"


def _is_other_uid(answer: dict[str, Any]) -> bool:
    # Applying with the uid of an object that was replaced since is answered with 422 "uid is immutable", though it is a
    # precondition that failed; with no object there at all it is a 409.
    causes = (answer.get("details") or {}).get("causes") or ()
    return any(cause.get("field") == "metadata.uid" for cause in causes)


def _seconds(value: str | None) -> timedelta | None:
    return timedelta(seconds=int(value)) if value and value.isdigit() else None
