"""What is told about an environment: on the PR, in the API, in the resource's status. One value, many writers."""

from datetime import datetime

from environments.model import CommitSha, Condition, Phase, Step, Value


class EnvironmentReport(Value):
    """The newest state of one environment, as the environment's workflow knows it."""

    uid: str = ""
    generation: int = 0
    namespace: str = ""
    """The environment namespace."""
    phase: Phase = Phase.PENDING
    url: str | None = None
    """Only once something answers there."""
    sha: CommitSha | None = None
    """The commit that the phase speaks of."""
    deployed_sha: CommitSha | None = None
    """The commit that runs (an older one while a new rollout goes on)."""
    rollout: int = 0
    steps: tuple[Step, ...] = ()
    conditions: tuple[Condition, ...] = ()
    reason: str = ""
    """Machine-readable, CamelCase; empty while all is well."""
    message: str = ""
    """One sentence for people."""
    notes: tuple[str, ...] = ()
    failed_log: str | None = None
    """Log id (store.logs) whose tail explains the failure."""
    updated_at: datetime | None = None
