"""Settings by environment variables `CATALYST_…` (nested with `__`: CATALYST_API__PORT); docs/settings.md lists them all.

Temporal's own variables (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TLS …) are Temporal's and not repeated here.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseModel):
    host: str = "127.0.0.1"
    """Address to listen on; loopback, because whoever publishes it puts TLS in front."""
    port: int = 8700
    max_body_bytes: int = 5 * 1024 * 1024
    """Of a webhook; GitHub's own limit is 25 MB, but what we read of one fits into a few kilobytes."""
    keep_deliveries: timedelta = timedelta(days=7)
    """Webhooks that were handed on or ignored; longer than any forge redelivers, short because bodies are kept."""
    public_url: str = "http://localhost:8700"
    """How people reach the API; for links on pull requests."""


class ReviewSettings(BaseModel):
    """Where the API server says who deletes an Environment; with TLS, as it calls nothing else."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: nothing listens, and pull requests don't say who deleted a resource by hand."""
    certificate: Path | None = None
    """PEM file; signed by the CA that the API server is told of."""
    key: Path | None = None
    secret: SecretStr = SecretStr("")
    """End of the path that is asked, so that nobody else can tell us a name."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.port and not (self.certificate and self.key and self.secret.get_secret_value()):
            raise ValueError("a port needs certificate, key and secret besides")
        return self


class WorkerSettings(BaseModel):
    health_host: str = "127.0.0.1"
    health_port: int = 8701
    graceful_shutdown: timedelta = timedelta(seconds=10)
    """How long activities may go on after SIGTERM; Kubernetes' grace period must be longer."""
    max_cached_workflows: int = 200
    """In memory: quiet pull requests cost disk, not memory."""
    concurrent_builds: int = 2
    reconcile_every: timedelta = timedelta(seconds=60)
    temporal_metrics: str = ""
    """`<address>:<port>` where Prometheus finds the metrics of Temporal's own library; empty: they aren't kept."""


class LogSettings(BaseModel):
    folder: Path = Path("/var/lib/catalyst/logs")
    """The log store: build, install and container logs of rollouts."""
    max_bytes: int = 8 * 1024 * 1024
    """Of one log: beginning; 256 KiB of its end are kept besides."""
    keep_days: int = 14
    format: str = "console"
    """Of the processes' own logs: `console` or `json`."""
    level: str = "INFO"


class RegistrySettings(BaseModel):
    host: str = "localhost:5000"
    """Host and port of our registry, as images are named by in pods and builds."""
    scheme: str = "http"


class BuilderSettings(BaseModel):
    address: str = "unix:///run/buildkit/buildkitd.sock"
    buildctl: str = "buildctl"
    """The program: a name on PATH or a path."""
    timeout: timedelta = timedelta(minutes=20)


class SourceSettings(BaseModel):
    timeout: timedelta = timedelta(seconds=120)
    max_bytes: int = 1 << 30
    """Of what is fetched, and of the files checked out."""
    max_files: int = 100_000
    max_push_bytes: int = 50 << 20
    """Of commits that are pushed from a development pod at once, packed."""


class GiteaSettings(BaseModel):
    url: str = ""
    """Base URL; empty: no Gitea is served."""
    user: str = ""
    """The account that the token belongs to; only its comments are edited."""
    token: SecretStr = SecretStr("")
    webhook_secret: SecretStr = SecretStr("")


class GitHubSettings(BaseModel):
    """Neither App nor token: no GitHub is served."""

    url: str = "https://api.github.com"
    """Of the API; an Enterprise Server's ends with `/api/v3`."""
    app_id: str = ""
    private_key: SecretStr = SecretStr("")
    """Of the App: PEM, its line ends also written as `\\n`."""
    private_key_file: Path | None = None
    """Or the file that GitHub gave away."""
    token: SecretStr = SecretStr("")
    """Instead of an App: a personal access token; only its account's comments are edited."""
    webhook_secret: SecretStr = SecretStr("")
    """Empty: GitHub's webhooks are verified against nothing and refused."""

    @field_validator("private_key_file", mode="before")
    @classmethod
    def _is_named(cls, path: object) -> object:
        """Left empty, as in an environment file, it is none."""
        return path or None

    @model_validator(mode="after")
    def _is_one_account(self) -> Self:
        keys = [bool(self.private_key.get_secret_value()), self.private_key_file is not None].count(True)
        if self.app_id and keys != 1:
            raise ValueError("an App (app_id) needs its private key: either private_key or private_key_file")
        if keys and not self.app_id:
            raise ValueError("a private key needs the id of its App: app_id")
        if self.app_id and self.token.get_secret_value():
            raise ValueError("either an App (app_id and its private key) or a token, not both")
        if not self.url.startswith(("https://", "http://")):
            raise ValueError("url must be the API's, as https://api.github.com or https://<host>/api/v3")
        return self

    @property
    def is_served(self) -> bool:
        """Whether there is an account to ask GitHub with."""
        return bool(self.app_id or self.token.get_secret_value())

    def read_private_key(self) -> str:
        """Raises OSError."""
        if self.private_key_file is not None:
            return self.private_key_file.read_text()
        return self.private_key.get_secret_value().replace("\\n", "\n")


class IngressSettings(BaseModel):
    address: str = "127.0.0.1"
    """Where the product itself reaches the ingress, to ask whether a URL answers."""
    port: int = 8780
    domain: str = "localhost"
    """Environments are at `<environment namespace>.<domain>`."""
    scheme: str = "http"
    ingress_class: str = "traefik"
    namespace: str | None = None
    """Namespace whose pods are the ingress; none: it runs on the nodes."""
    pod_address: str | None = None
    """Where pods reach the ingress when it runs on the nodes; none: the first node's address."""


class ImageSettings(BaseModel):
    shell: str = "catalyst/shell:1"
    """Generic container with git and a shell, where no image is named."""
    sidecar: str = "catalyst/sidecar:1"
    """Beside every development container: takes in source, supervises the command."""


class RolloutSettings(BaseModel):
    start_timeout: timedelta = timedelta(minutes=5)
    """From applied objects to pods that answer."""


class ProxySettings(BaseModel):
    address: str = ""
    """IPv4 address that the forward proxy listens on and that pods and builds reach."""
    first_port: int = Field(default=20000, ge=1024, le=65000)
    """Builds come to this one; each project to one of those after it."""
    ports: int = Field(default=500, ge=1, le=10_000)
    """So many projects at most."""
    secret: SecretStr = SecretStr("")
    """Builds' tokens are made with it; the same for worker and `python -m egress`."""
    closed: str = ""
    """CIDRs, with commas between them, that nobody reaches through it, beside the cluster's own."""
    upstream: str = ""
    """`host:port` of another proxy that is the only way out; empty: none."""
    package: Path = Path("/")
    """Folder below which Debian's packages squid and squid-langpack are unpacked; `/`: installed."""
    user: str = "proxy"
    """Account that squid runs under, when it is started as root."""
    folder: Path = Path("/var/lib/catalyst/egress")
    """Its configuration."""


class MirrorSettings(BaseModel):
    """Without credentials: hostile code reads them."""

    npm: str = ""
    pypi: str = ""
    go: str = ""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="CATALYST_", env_nested_delimiter="__", extra="ignore")

    kubeconfig: Path | None = None
    """None: the pod's own service account."""
    account: str = "catalyst"
    """The user name that the API server knows us by; the fencing policies match on it (design: rule 2)."""
    database_url: str = "sqlite+aiosqlite:////var/lib/catalyst/catalyst.db"
    work_folder: Path = Path("/var/lib/catalyst/work")
    """Checked-out commits; a cache that may be deleted at any time."""
    ca_bundle: Path | None = None
    """PEM file that pods and builds need to reach package registries, where a private CA stands in between."""
    egress: Literal["proxy", "open"] = "proxy"
    """What previews and builds reach outside: approved hosts through the forward proxy, or everything."""
    task_queue: str = "catalyst"
    bootstrap_token: SecretStr = SecretStr("")
    """An API token that is made known at start (stored hashed), for whoever sets the platform up; empty: none."""
    api: ApiSettings = Field(default_factory=ApiSettings)
    reviews: ReviewSettings = Field(default_factory=ReviewSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    logs: LogSettings = Field(default_factory=LogSettings)
    registry: RegistrySettings = Field(default_factory=RegistrySettings)
    builder: BuilderSettings = Field(default_factory=BuilderSettings)
    source: SourceSettings = Field(default_factory=SourceSettings)
    gitea: GiteaSettings = Field(default_factory=GiteaSettings)
    github: GitHubSettings = Field(default_factory=GitHubSettings)
    ingress: IngressSettings = Field(default_factory=IngressSettings)
    images: ImageSettings = Field(default_factory=ImageSettings)
    rollout: RolloutSettings = Field(default_factory=RolloutSettings)
    proxy: ProxySettings = Field(default_factory=ProxySettings)
    mirrors: MirrorSettings = Field(default_factory=MirrorSettings)


def load_settings() -> Settings:
    """For a process's main function: ends it with a sentence for a value that is none."""
    try:
        return Settings()
    except ValidationError as error:
        # The value itself is left out: it may be a secret.
        wrong = [f"CATALYST_{'__'.join(map(str, each['loc'])).upper()}: {each['msg']}." for each in error.errors()]
        raise SystemExit("\n".join([*wrong, "docs/settings.md explains every setting."])) from None
