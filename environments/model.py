"""The values that the whole product speaks in. All frozen; safe in Temporal histories (references and facts only)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from pydantic import BaseModel, ConfigDict, Field

CommitSha = NewType("CommitSha", str)
NamespaceName = NewType("NamespaceName", str)
EnvironmentUid = NewType("EnvironmentUid", str)
"""`metadata.uid` of the Environment resource: two resources of one name in a row are two environments."""

KubernetesObject = dict[str, Any]
"""One Kubernetes object as a plain dictionary, as the API server speaks it."""


class Value(BaseModel):
    """Base of every value: frozen, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Phase(StrEnum):
    """Where an environment stands (design: Words)."""

    PENDING = "Pending"
    QUEUED = "Queued"
    DETECTING = "Detecting"
    BUILDING = "Building"
    DEPLOYING = "Deploying"
    READY = "Ready"
    DEGRADED = "Degraded"
    FAILED = "Failed"
    SLEEPING = "Sleeping"
    DELETING = "Deleting"
    DELETED = "Deleted"


class PullRequestKey(Value):
    """A pull request by what never changes: the forge's name for itself and numeric ids."""

    forge: str
    repository_id: int
    number: int


class BranchKey(Value):
    """A branch of a repository by the forge's numeric id."""

    forge: str
    repository_id: int
    branch: str


class Repository(Value):
    id: int
    owner_id: int
    owner: str
    name: str
    clone_url: str
    """Without credentials."""
    default_branch: str
    is_private: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


class PullRequest(Value):
    """State and head of a pull request as the forge has them now; never built from a webhook's payload."""

    key: PullRequestKey
    repository: Repository
    title: str
    author: str
    is_open: bool
    is_merged: bool
    is_draft: bool
    head_sha: CommitSha
    head_branch: str
    head_repository_id: int | None
    """None when the fork was deleted."""
    base_branch: str
    base_sha: CommitSha | None = None
    """Where the base branch is now; None where the forge doesn't say."""
    labels: tuple[str, ...] = ()
    url: str = ""

    @property
    def is_from_fork(self) -> bool:
        return self.head_repository_id != self.repository.id


class EnvironmentKey(Value):
    """Where an Environment resource lies."""

    namespace: NamespaceName
    """The project namespace."""
    name: str


class EnvironmentIdentity(Value):
    """The three levels, each already sanitised (environments.names)."""

    team: str
    project: str
    environment: str


class StepState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Step(Value):
    """One step of a rollout, for the comment, the API and Temporal's UI."""

    name: str
    """One of: source, detect, build, deploy, ready."""
    state: StepState
    started_at: datetime
    ended_at: datetime | None = None
    detail: str = ""


class Condition(Value):
    """As in Kubernetes: what is true of an environment, why, since when."""

    type: str
    status: str
    """`True`, `False` or `Unknown`."""
    reason: str
    message: str
    observed_generation: int = 0
    last_transition_time: datetime | None = None


class ProjectKind(StrEnum):
    COMPOSE = "compose"
    DOCKERFILE = "dockerfile"
    NODE = "node"
    MAKEFILE = "makefile"
    PREBUILT = "prebuilt"
    NIX = "nix"
    UNRECOGNISED = "unrecognised"


class PackageManager(StrEnum):
    NPM = "npm"
    PNPM = "pnpm"
    YARN = "yarn"
    BUN = "bun"


class Snapshot(Value):
    """The repository's files at one commit, as a value: every path, and the text of the few small files that are read."""

    paths: tuple[str, ...]
    """Relative, with `/`, sorted; files only."""
    texts: Mapping[str, str] = Field(default_factory=dict)
    """Path -> content, for the files that detection and templates read (environments.detection.READ_FILES)."""


class Detection(Value):
    """What is inferred from the repository (FR-ENV-006)."""

    kind: ProjectKind
    dev_command: str | None = None
    workdir: str = "."
    """Relative to the repository's root."""
    package_manager: PackageManager | None = None
    port: int | None = None
    dockerfile: str | None = None
    """Path of the Dockerfile, relative to the repository's root."""
    evidence: tuple[str, ...] = ()
    """The files that decided, in order."""
    notes: tuple[str, ...] = ()
    """Sentences for the PR: what was found and isn't supported yet, how to configure."""


class EnvironmentVariable(Value):
    name: str
    value: str


class Overrides(Value):
    """What a person set instead of what was detected; None: not set."""

    command: str | None = None
    workdir: str | None = None
    port: int | None = None
    env: tuple[EnvironmentVariable, ...] = ()
    image: str | None = None
    tag: str | None = None


class DeploymentMethod(StrEnum):
    """How a template deploys; one renderer each."""

    CONTAINER = "container"
    """An image built from the repository's Dockerfile."""
    PREBUILT = "prebuilt"
    SOURCE = "source"
    """Source in the pod, dependencies installed there, dev command run (development mode)."""
    SHELL = "shell"
    """Generic container with the source, waiting for somebody to configure it (FR-ENV-008)."""


class Template(Value):
    """How one rollout deploys, after template, detection and overrides were put together."""

    method: DeploymentMethod
    image: str | None = None
    """prebuilt: repository without tag; source and shell: the base image."""
    tag: str | None = None
    command: str | None = None
    install_command: str | None = None
    install_inputs: tuple[str, ...] = ()
    """source: the files that decide what is installed, relative to the repository's root."""
    workdir: str = "."
    dockerfile: str = "Dockerfile"
    port: int | None = None
    is_port_fixed: bool = False
    """Whether somebody wrote or set the port; otherwise it is what such projects usually listen on."""
    is_watching: bool = False
    """source: the command sees changed files by itself."""
    env: tuple[EnvironmentVariable, ...] = ()
    notes: tuple[str, ...] = ()


class PlatformAddress(Value):
    """How environments are reached; part of the platform's settings."""

    domain: str = "localhost"
    port: int | None = 8780
    scheme: str = "http"
    ingress_class: str = "traefik"
    ingress_namespace: str | None = None
    """Namespace whose pods are the ingress; None: it runs on the nodes."""

    def url(self, namespace: NamespaceName) -> str:
        """Where the environment in that namespace is reached."""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{namespace}.{self.domain}{port}/"


class PlatformImages(Value):
    """Our own images, in development pods."""

    shell: str = "catalyst/shell:1"
    """Generic container with a shell and git, where no image is named."""
    sidecar: str = "catalyst/sidecar:1"
    """Delivers source and supervises the command (docs/decisions/0013)."""


class WayOut(Value):
    """Where previews of one project reach the forward proxy (environments.egress)."""

    address: str
    port: int
    """The project's own."""


class ClusterNetwork(Value):
    """What of the cluster's own network previews may not reach; read from the cluster, never typed in (design: Security)."""

    pod_ranges: tuple[str, ...]
    """CIDRs."""
    service_ranges: tuple[str, ...]
    node_addresses: tuple[str, ...]
    """Addresses of nodes and of the API server, without mask."""
    ingress_address: str | None = None
    """Where pods reach the ingress when it runs on a node; None: it runs in pods of PlatformAddress.ingress_namespace."""
    way_out: WayOut | None = None
    """The only way outside; None: everything outside is open."""


class Quota(Value):
    """Bounds of one environment namespace, in Kubernetes' own notation."""

    requests_cpu: str = "2"
    limits_cpu: str = "4"
    requests_memory: str = "4Gi"
    limits_memory: str = "8Gi"
    storage: str = "20Gi"
    """Of all volume claims together."""
    disk: str = "20Gi"
    """What containers write beside their volumes, logs among it, all together."""
    pods: int = 20
    default_cpu: str = "500m"
    """Limit of a container that names none; requests are a twentieth of it (25m), so that 20 previews fit two cores."""
    default_memory: str = "512Mi"
    default_disk: str = "2Gi"
    """Past it the kubelet throws the pod out."""


class RenderRequest(Value):
    """Everything a renderer needs; the same request always renders the same objects."""

    identity: EnvironmentIdentity
    namespace: NamespaceName
    """The environment namespace."""
    uid: EnvironmentUid
    rollout: int
    sha: CommitSha
    branch: str
    template: Template
    image: str | None = None
    """Reference with digest, of the image that was built or resolved."""
    shell_image: str
    """source and shell: what runs where the template names no image."""
    sidecar_image: str
    """source and shell: delivers source, supervises the command (docs/decisions/0013)."""
    ingress_address: str | None = None
    """Where pods reach an ingress that runs on a node."""
    address: PlatformAddress
    ca_bundle: str | None = None
    """PEM text for pods behind a private CA; None: none."""
    fetching: Mapping[str, str] = Field(default_factory=dict)
    """Variables that programs which fetch code must be told (environments.fetching)."""
    url: str


class Message(Value):
    """A short reason a machine can branch on, and the sentence for people."""

    reason: str
    text: str
