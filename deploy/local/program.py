"""One supervised process of the platform, as a value that becomes a section of supervisord's configuration."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Program:
    name: str
    command: tuple[str, ...]
    """Absolute path of the binary, then its arguments."""
    environment: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    """Account it runs under; root when None."""
    priority: int = 100
    """Supervisor starts lower numbers first."""
    umask: str = "022"
    """`077` for those whose files nobody else on the machine may read."""
    stop_seconds: int = 12
    """From SIGTERM to SIGKILL."""
    ready: tuple[str, ...] | None = None
    """What `up` waits for: ("http", url) answers below 500, ("tcp", "host:port") accepts, ("unix", path) accepts; None: not waited for."""
