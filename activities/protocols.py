"""What activities need of the outside world. Gateways implement these; one contract suite per Protocol runs on fake and real.

Every method may raise GatewayError; a subclass named in a docstring is one that callers branch on.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from environments.model import (
    CommitSha,
    EnvironmentKey,
    KubernetesObject,
    NamespaceName,
    PullRequest,
    PullRequestKey,
    Snapshot,
    Value,
)
from environments.sidecar import Delivered, Delivery, SidecarState
from environments.work import Request


class GatewayError(Exception):
    """Something outside said no or didn't answer. The message is one sentence: what, where, what to do; no secrets, bounded."""

    retryable = True
    """Whether the same call may work later without anybody changing anything."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message[:2000])
        self.retry_after = retry_after


# --- cluster -----------------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of Kubernetes object: Kind("apps/v1", "Deployment")."""

    api_version: str
    kind: str


class ObjectRef(NamedTuple):
    """One Kubernetes object by name; namespace None for cluster-scoped ones."""

    kind: Kind
    namespace: str | None
    name: str


class WatchEvent(NamedTuple):
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: KubernetesObject


class ClusterConflict(GatewayError):
    """409: another field manager owns a field, a precondition failed, or the object exists already."""

    retryable = False


class ClusterRefused(GatewayError):
    """403 or 422: an admission policy, quota, RBAC or validation refused the object."""

    retryable = False


class ClusterGone(GatewayError):
    """404 on a write: the namespace (or the kind) doesn't exist."""

    retryable = False


class Cluster(Protocol):
    """The Kubernetes API on plain dictionaries. Any other failure (5xx, timeouts, 429) is a retryable GatewayError."""

    async def get(self, ref: ObjectRef) -> KubernetesObject | None:
        """The object, or None when it (or its namespace) doesn't exist."""
        ...

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[KubernetesObject]: ...

    async def list_all(self, namespace: str, labels: Mapping[str, str]) -> Sequence[KubernetesObject]:
        """Every object in the namespace with these labels, of every kind that discovery finds and our account may list (events and
        metrics excepted)."""
        ...

    async def create(self, obj: KubernetesObject) -> KubernetesObject:
        """Raises ClusterConflict when it exists, ClusterRefused, ClusterGone."""
        ...

    async def apply(
        self, obj: KubernetesObject, *, manager: str, force: bool = False, subresource: Literal["status"] | None = None
    ) -> KubernetesObject:
        """Server-side apply. Raises ClusterConflict, ClusterRefused, ClusterGone."""
        ...

    async def patch(self, ref: ObjectRef, patch: Mapping[str, Any]) -> KubernetesObject:
        """JSON merge patch; put `metadata.resourceVersion` into it for a compare-and-set. Raises ClusterConflict, ClusterRefused, ClusterGone."""
        ...

    async def delete(
        self,
        ref: ObjectRef,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> bool:
        """Begin deletion (background propagation); False when it wasn't there. Raises ClusterConflict when a precondition failed."""
        ...

    def watch(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> AsyncIterator[WatchEvent]:
        """First every existing object as ADDED, then changes, for as long as the caller iterates (reconnects and relists by itself)."""
        ...

    def pod_log(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool = False,
        tail_lines: int | None = None,
        since: datetime | None = None,
    ) -> AsyncIterator[bytes]:
        """Chunks of the container's output; ends at once for a container that never started. Raises ClusterGone for a pod that isn't there."""
        ...


# --- forge -------------------------------------------------------------------------------------------------------


class OpenPullRequest(NamedTuple):
    key: PullRequestKey
    head_sha: CommitSha
    """May be empty where the forge's list doesn't say it."""


class Credential(NamedTuple):
    username: str
    password: str


class ForgeRefused(GatewayError):
    """401, 403 or 422: a token without the right, or a request that the forge will never take."""

    retryable = False


class Forge(Protocol):
    """Where repositories and pull requests live."""

    name: str
    """`gitea` or `github`: the `forge` of a PullRequestKey."""

    async def pull_request(self, repository_id: int, number: int) -> PullRequest | None:
        """State and head now; None when repository or pull request doesn't exist (any more)."""
        ...

    async def open_pull_requests(self) -> Sequence[OpenPullRequest]:
        """Every open pull request of every repository that the platform serves."""
        ...

    async def put_comment(self, key: PullRequestKey, marker: str, body: str) -> None:
        """Create or edit in place our one comment that contains the marker (only ever our own account's). Idempotent.
        Raises ForgeRefused, also for a pull request that doesn't exist (any more)."""
        ...

    async def put_status(
        self,
        key: PullRequestKey,
        sha: CommitSha,
        state: Literal["pending", "success", "failure", "error"],
        description: str,
        url: str | None,
    ) -> None:
        """The commit status with context `catalyst/preview`. Raises ForgeRefused, also for a repository that doesn't exist (any more)."""
        ...

    async def clone_credential(self, repository_id: int, clone_url: str) -> Credential | None:
        """For git over HTTP; None where none is needed, and for a URL that is not this repository's on this forge: people can edit a
        Project's URL, and our token goes nowhere else."""
        ...


# --- source, builder, registry -----------------------------------------------------------------------------------


class SourceRefused(GatewayError):
    """The commit doesn't exist, or a limit on size, files or time was passed; the message names the setting."""

    retryable = False


class Source(Protocol):
    """Checked-out commits on the worker's disk."""

    async def checkout(self, repository_id: int, clone_url: str, sha: CommitSha, credential: Credential | None) -> Path:
        """Folder with the files of that commit and a shallow .git; cached by (repository, sha), safe to call at the same time.
        Raises SourceRefused."""
        ...

    async def snapshot(self, folder: Path) -> Snapshot:
        """Bounded; symbolic links are never followed out of the folder."""
        ...

    async def pack(self, folder: Path, sha: CommitSha, have: CommitSha | None) -> Path:
        """A file that holds the checked-out commit as a git pack; it stays as long as the checkout does. `have`: a commit that the
        receiver has, so that only what differs need be sent; taken as a hint. Raises SourceRefused."""
        ...


# --- development pods --------------------------------------------------------------------------------------------


class PodRef(NamedTuple):
    namespace: NamespaceName
    name: str


class SidecarGone(GatewayError):
    """The pod or its sidecar isn't there (any more), or the connection to it broke."""


class StaleDelivery(GatewayError):
    """The pod has taken a delivery of a newer rollout (design: rule 2)."""

    retryable = False


class IncompleteDelivery(GatewayError):
    """The pod doesn't have what the pack builds upon: send all of the commit."""

    retryable = False


class DeliveryRefused(GatewayError):
    """The sidecar can't take it: the volume is full, the working tree's git folder was tampered with."""

    retryable = False


class SidecarNews(NamedTuple):
    """One of the two."""

    state: SidecarState | None = None
    installed: str = ""
    """More output of the installation."""


class Sidecars(Protocol):
    """The sidecar of a development pod, through the API server: a pod needs no way out to be given source."""

    async def state(self, pod: PodRef) -> SidecarState:
        """Raises SidecarGone."""
        ...

    async def deliver(self, pod: PodRef, delivery: Delivery, pack: Path | None) -> Delivered:
        """`pack`: git pack with the commit; None: the pod has it. Idempotent. Raises StaleDelivery, IncompleteDelivery, DeliveryRefused,
        SidecarGone."""
        ...

    def watch(self, pod: PodRef) -> AsyncIterator[SidecarNews]:
        """First how it is now, then every change, until the caller stops. Raises SidecarGone."""
        ...


class LogWriter(Protocol):
    """One log while it is written. Never raises for a full log: it notes the cut and drops the rest."""

    def write(self, data: bytes) -> None: ...


class Logs(Protocol):
    """The log store: one text per id, bounded, readable while it grows, kept after the environment is gone."""

    def open(self, log_id: str) -> AbstractContextManager[LogWriter]:
        """Begin the log anew (an attempt that runs twice doesn't append)."""
        ...

    def tail(self, log_id: str, lines: int) -> str:
        """The last lines without ANSI codes; empty when there is no such log."""
        ...


class BuildFailed(GatewayError):
    """The build itself failed (a RUN step, a missing Dockerfile): the log says why; trying again won't help."""

    retryable = False


class BuildRequest(Value):
    context: Path
    dockerfile: str
    """Relative to the context."""
    repository: str
    """`<environment namespace>/<build>`; host is the builder's own setting."""
    tag: str
    dockerfile_text: str | None = None
    """Instead of a file in the context: the text of a Dockerfile of ours."""
    timeout: timedelta = timedelta(minutes=20)


class Builder(Protocol):
    async def build(self, request: BuildRequest, output: LogWriter) -> str:
        """Build and push; answer the reference with digest (`host/repository@sha256:…`). Raises BuildFailed.
        Cancelling the call ends the build."""
        ...


class Registry(Protocol):
    async def resolve(self, image: str) -> str | None:
        """Reference with digest of an image as people write it (`nginx:1.22`, `localhost:5000/a/b:tag`); None when our registry doesn't have it."""
        ...

    async def repositories(self, prefix: str) -> Sequence[str]:
        """Repositories that hold at least one manifest and whose name begins with the prefix."""
        ...

    async def delete_repository(self, repository: str) -> int:
        """Delete every manifest of it by digest; how many were there. Nothing there is success."""
        ...


# --- the way in from outside -------------------------------------------------------------------------------------


class Answer(NamedTuple):
    status: int
    body: str
    """First 2,000 characters."""


class Probe(Protocol):
    async def get(self, host: str, path: str = "/") -> Answer | None:
        """What the environment answers through the ingress; None when the ingress can't be reached or doesn't know the host."""
        ...


# --- our own database --------------------------------------------------------------------------------------------


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
    report: dict[str, Any]
    """environments.report.EnvironmentReport as JSON."""


# --- the workflows themselves ------------------------------------------------------------------------------------


class OwnerRefused(GatewayError):
    """A workflow's validator said no to an update; the message is its sentence."""

    retryable = False


class OwnerGone(GatewayError):
    """No such workflow runs: its pull request is over, or was never seen."""

    retryable = False


class Owners(Protocol):
    """The workflows that own pull requests and environments, found by names.pull_request_workflow_id and environment_workflow_id.
    Temporal not answering is a retryable GatewayError."""

    async def wake_pull_request(
        self,
        key: PullRequestKey,
        signal: str,
        request: Request,
        *,
        may_start: bool,
        environment: EnvironmentKey | None = None,
    ) -> bool:
        """Signal it, starting it where it doesn't run and may. False: it doesn't run and may not start (`closed` never starts)."""
        ...

    async def wake_environment(self, key: EnvironmentKey) -> None:
        """Signal `look`, starting the workflow where it doesn't run."""
        ...

    async def runs(self, workflow_id: str) -> bool:
        """By Describe of its id, never by visibility, which lags (design: rule 3)."""
        ...

    async def ask_pull_request(self, key: PullRequestKey, update: str, request: Request) -> str:
        """Update `retry`, `close` or `override`; the workflow's answer. Raises OwnerRefused, OwnerGone."""
        ...

    async def ask_environment(self, key: EnvironmentKey, update: str, request: Request) -> str:
        """Update `retry`, `close` or `override`; the workflow's answer. Raises OwnerRefused, OwnerGone."""
        ...


class Audit(Protocol):
    async def record(self, actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> None: ...
