"""What GitHub keeps: plain records in GitHub's words. They change under `GitHub.lock` only."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

Json = dict[str, Any]
Permission = Literal["none", "read", "triage", "write", "maintain", "admin"]
ROLES: tuple[Permission, ...] = ("none", "read", "triage", "write", "maintain", "admin")
"""From least to most; a role has the rights of those before it."""


@dataclass(eq=False)
class Account:
    id: int
    login: str
    type: Literal["User", "Organization", "Bot"]
    created_at: datetime
    members: dict[int, Literal["member", "admin"]] = field(default_factory=dict)
    """By account id; of organisations only."""


@dataclass(eq=False)
class App:
    id: int
    slug: str
    name: str
    owner: Account
    bot: Account
    client_id: str
    client_secret: str
    private_key: str
    """PEM. GitHub forgets it once it was downloaded; the emulator keeps it so that tests can ask again."""
    public_key: str
    permissions: dict[str, str]
    events: list[str]
    created_at: datetime
    description: str | None = None
    external_url: str = "https://example.org"
    hook: "Hook | None" = None
    setup_url: str | None = None
    """Where the browser is sent after an installation."""


@dataclass(eq=False)
class Hook:
    """Of an App, or of a repository."""

    id: int
    url: str
    secret: str | None
    """None: deliveries aren't signed."""
    events: list[str]
    created_at: datetime
    target_id: int
    """The App's id, or the repository's."""
    app_id: int | None = None
    active: bool = True


@dataclass(eq=False)
class Installation:
    id: int
    app: App
    account: Account
    permissions: dict[str, str]
    events: list[str]
    created_at: datetime
    repository_ids: set[int] | None
    """None: all repositories of the account, also those made later."""
    suspended_at: datetime | None = None
    suspended_by: Account | None = None

    @property
    def repository_selection(self) -> Literal["all", "selected"]:
        return "all" if self.repository_ids is None else "selected"


@dataclass(frozen=True)
class Actor:
    """Who calls. A user has only an account; an App with its JWT only an app; an installation token has all three."""

    account: Account | None = None
    app: App | None = None
    installation: Installation | None = None
    permissions: dict[str, str] | None = None
    """Of an installation token: the installation's, or fewer."""
    repository_ids: frozenset[int] | None = None
    """Of an installation token: None for all that the installation has."""
    name: str = "anonymous"
    """Whose rate limit it is; never a credential."""


ANONYMOUS = Actor()


@dataclass(eq=False)
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(eq=False)
class Reaction:
    id: int
    account: Account
    content: str
    created_at: datetime


@dataclass(eq=False)
class Comment:
    id: int
    issue: "Issue"
    author: Account
    app: App | None
    body: str
    created_at: datetime
    updated_at: datetime
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(eq=False)
class Issue:
    """An issue; a pull request is one, too, and shares its numbers."""

    id: int
    repository: "Repository"
    number: int
    title: str
    body: str | None
    author: Account
    created_at: datetime
    updated_at: datetime
    state: Literal["open", "closed"] = "open"
    closed_at: datetime | None = None
    locked: bool = False
    labels: list[Label] = field(default_factory=list)
    comments: dict[int, Comment] = field(default_factory=dict)
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(eq=False)
class PullRequest(Issue):
    issue_id: int = 0
    """As an issue it has another id than as a pull request."""
    head_repository: "Repository | None" = None
    """None once the fork is deleted."""
    head_owner: Account | None = None
    head_ref: str = ""
    head_sha: str = ""
    base_ref: str = ""
    base_sha: str = ""
    draft: bool = False
    merged_at: datetime | None = None
    merged_by: Account | None = None
    merge_commit_sha: str | None = None
    mergeable: bool | None = None
    maintainer_can_modify: bool = False


@dataclass(eq=False)
class Status:
    id: int
    sha: str
    state: Literal["pending", "success", "failure", "error"]
    context: str
    description: str | None
    target_url: str | None
    creator: Account
    created_at: datetime


@dataclass(eq=False)
class Repository:
    id: int
    owner: Account
    name: str
    folder: Path
    """The bare git repository; named by id, so that renaming moves nothing."""
    private: bool
    created_at: datetime
    updated_at: datetime
    pushed_at: datetime
    parent: "Repository | None" = None
    default_branch: str = "main"
    description: str | None = None
    collaborators: dict[int, Permission] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    """By name in lower case: GitHub's labels ignore case."""
    statuses: list[Status] = field(default_factory=list)
    refs: dict[str, str] = field(default_factory=dict)
    """Branches and tags as last seen, full name to SHA: what a push changed is the difference."""
    next_number: int = 1
    hooks: dict[int, Hook] = field(default_factory=dict)
    suites: dict[int, "CheckSuite"] = field(default_factory=dict)
    deployments: dict[int, "Deployment"] = field(default_factory=dict)
    environments: dict[str, "Environment"] = field(default_factory=dict)
    """By name in lower case."""

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def pulls(self) -> list[PullRequest]:
        return [issue for issue in self.issues.values() if isinstance(issue, PullRequest)]


@dataclass(eq=False)
class CheckSuite:
    """All check runs of one App for one commit."""

    id: int
    repository: Repository
    app: App
    head_sha: str
    head_branch: str | None
    created_at: datetime
    updated_at: datetime
    runs: list["CheckRun"] = field(default_factory=list)


@dataclass(eq=False)
class CheckRun:
    id: int
    suite: CheckSuite
    name: str
    external_id: str = ""
    details_url: str | None = None
    status: str = "queued"
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Json] = field(default_factory=list)
    actions: list[Json] = field(default_factory=list)


@dataclass(eq=False)
class Environment:
    id: int
    name: str
    created_at: datetime


@dataclass(eq=False)
class Deployment:
    id: int
    repository: Repository
    sha: str
    ref: str
    environment: str
    creator: Account
    app: App | None
    created_at: datetime
    updated_at: datetime
    task: str = "deploy"
    payload: Any = None
    description: str | None = None
    transient: bool = False
    production: bool = False
    statuses: list["DeploymentStatus"] = field(default_factory=list)
    original_environment: str = ""

    def __post_init__(self) -> None:
        self.original_environment = self.environment

    @property
    def state(self) -> str | None:
        """Of its newest status."""
        return self.statuses[-1].state if self.statuses else None


@dataclass(eq=False)
class DeploymentStatus:
    id: int
    deployment: Deployment
    state: str
    environment: str
    creator: Account
    app: App | None
    created_at: datetime
    description: str = ""
    log_url: str = ""
    environment_url: str = ""
