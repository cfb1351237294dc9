"""Our own database."""

from collections.abc import Mapping
from typing import Any, Protocol

from environments.model import EnvironmentKey, EnvironmentUid, PullRequestKey, Value


class Index(Protocol):
    """One row per environment, which the workflow rewrites and nobody trusts as truth."""

    async def put(self, row: "IndexRow") -> None: ...

    async def remove(self, namespace: str, uid: str) -> None:
        """Mark as Deleted: the row stays for the history of logs."""
        ...


class IndexRow(Value):
    namespace: str
    """The environment namespace: the environment's name in the API."""
    uid: str
    team: str
    project: str
    environment: str
    pull_request: PullRequestKey | None
    branch: str = ""
    """Empty until its first rollout."""
    report: dict[str, Any]
    """environments.report.EnvironmentReport as JSON."""


class Audit(Protocol):
    async def record(self, actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> None: ...

    async def deleter(self, key: EnvironmentKey, uid: EnvironmentUid) -> str:
        """Who deleted that resource by hand (environments.deletions.Deletion); empty: nobody that is known of."""
        ...
