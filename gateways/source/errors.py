"""What git's complaints become: SourceRefused when asking again won't help, SourceUnavailable otherwise."""

import re

from activities.protocols import GatewayError, SourceRefused

MISSING = re.compile(r"not our ref|couldn't find remote ref|unadvertised object|no such remote ref", re.IGNORECASE)
REFUSED = re.compile(
    r"Authentication failed|could not read (Username|Password)|error: 40[13]|repository .* not found|"
    r"not appear to be a git repository|transport '.*' not allowed",
    re.IGNORECASE,
)


class SourceUnavailable(GatewayError):
    """The forge didn't answer git, or broke off."""

    retryable = True


def error_from(output: str, sha: str, url: str) -> GatewayError:
    """The error for a git command that failed while bringing `sha` from `url`."""
    if MISSING.search(output):
        return SourceRefused(f"Commit {sha[:12]} isn't in {url} (any more); it may have been replaced by a forced push")
    sentence = f"git couldn't bring {sha[:12]} from {url}: {_last_line(output)}"
    return SourceRefused(sentence) if REFUSED.search(output) else SourceUnavailable(sentence)


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
    return (telling[-1] if telling else "no explanation")[:300]
