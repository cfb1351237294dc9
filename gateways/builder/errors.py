"""What a failed build becomes: BuildFailed when its author must act, BuilderUnavailable when the platform must."""

import re

from activities.protocols import BuildFailed, GatewayError

FAILURE = re.compile(r"^(?:error|ERROR): (?:failed to solve: )?(.+)$", re.MULTILINE)
DENIED = re.compile(r'source "([^"]+)" denied by policy')
"""By the source policy (policy.py)."""
AWAY = (
    "connection refused",
    "connection reset",
    "no such host",
    "i/o timeout",
    "code = Unavailable",
    "code = Canceled",
    "error while dialing",
    "failed to dial",
    "error reading from server",
    "no space left on device",
    "server misbehaving",
    "503 Service Unavailable",
    "502 Bad Gateway",
)
MAX_CAUSE = 500
"""Characters of a cause; a RUN step is quoted whole in it."""


class BuilderUnavailable(GatewayError):
    """The builder or the registry that it pushes to and pulls from didn't answer."""

    retryable = True


def error_from(output: str) -> GatewayError:
    """The error for a build whose program failed, by its last `error:` line."""
    causes = FAILURE.findall(output)
    cause = causes[-1].strip() if causes else _last_line(output)
    # A step that failed is quoted with its own words, which may well be "connection refused".
    if not cause.startswith("process ") and any(sign.lower() in cause.lower() for sign in AWAY):
        return BuilderUnavailable(f"The image builder is not available: {cause[:MAX_CAUSE]}")
    if denied := DENIED.search(cause):
        return BuildFailed(
            f"The build failed: ADD of {_shortened(denied[1])} was refused, because its host isn't approved. "
            "Adding the host to the Project's spec.egress.allowedHosts allows it."
        )
    return BuildFailed(f"The build failed: {_shortened(cause)}")


def _shortened(cause: str) -> str:
    """Keeps both ends: the step's beginning and its exit code."""
    return cause if len(cause) <= MAX_CAUSE else f"{cause[: MAX_CAUSE - 120]} … {cause[-100:]}"


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "the builder ended without an explanation"
