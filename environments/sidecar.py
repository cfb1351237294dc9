"""What is said to the sidecar in a development pod, and what it says of the command that runs there (docs/decisions/0013).

The sidecar's own side of it is in sidecar/ (Go); field names are the JSON of both.
"""

from datetime import timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from environments import hints
from environments.model import CommitSha, DeploymentMethod, Phase, Template, Value
from environments.node_commands import TOOLS
from environments.work import RolloutRequest, Verdict

LIVING = frozenset({DeploymentMethod.SOURCE, DeploymentMethod.SHELL})
"""Methods whose pod outlives commits: source is delivered into it (FR-ENV-005)."""
MOST_OF_A_LIST = 5
MOST_OF_A_NAME = 60
COMMAND_FAILED = "CommandFailed"
INSTALL_FAILED = "InstallFailed"


class CommandPhase(StrEnum):
    WAITING = "Waiting"
    """Nothing was delivered yet."""
    INSTALLING = "Installing"
    INSTALL_FAILED = "InstallFailed"
    RUNNING = "Running"
    FAILED = "Failed"
    """Ended, whatever its exit code: a dev server doesn't end by itself."""
    IDLE = "Idle"
    """No command is wanted: a generic shell."""


class Delivery(Value):
    """One commit and what to run of it."""

    rollout: int
    sha: CommitSha
    branch: str
    command: str | None
    install: str | None
    install_inputs: tuple[str, ...]
    """Paths relative to the repository's root: dependencies are installed anew when one of them changed."""
    workdir: str
    port: int | None
    is_port_fixed: bool
    """Whether somebody set the port; otherwise it is a guess, and what really listens counts."""
    is_watching: bool
    """The command sees changed files by itself: it isn't restarted for a commit."""


class _Said(BaseModel):
    """From a pod, so from a stranger: what is unknown is ignored, what is missing has a default."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Kept(_Said):
    """What had been changed in the pod, and was put aside for a newer commit."""

    ref: str = Field(max_length=200)
    files: tuple[str, ...] = Field(default=(), max_length=20)
    count: int = 0


class Delivered(_Said):
    sha: CommitSha
    kept: Kept | None = None


class Outgoing(_Said):
    """Commits that were made in the pod, and what else was changed there."""

    sha: CommitSha = Field(pattern=r"^[0-9a-f]{40}$")
    base: CommitSha = Field(pattern=r"^[0-9a-f]{40}$")
    """What was delivered last; the pack builds upon it."""
    commits: int = Field(0, ge=0)
    pack_bytes: int = Field(0, ge=0)
    is_dirty: bool = False
    """Something is changed and not committed."""
    files: tuple[str, ...] = Field(default=(), max_length=20)


class SidecarState(_Said):
    rollout: int = 0
    sha: str = ""
    phase: CommandPhase = CommandPhase.WAITING
    exit_code: int | None = None
    signal: str = ""
    is_out_of_memory: bool = False
    tail: tuple[str, ...] = Field(default=(), max_length=100)
    """Last lines of what failed."""
    port: int | None = None
    """Where the command takes connections; None: nowhere (yet)."""
    delivered_sha: str = ""
    delivered_rollout: int = 0


def is_living(template: Template) -> bool:
    return template.method in LIVING


def delivery_of(request: RolloutRequest, template: Template) -> Delivery:
    return Delivery(
        rollout=request.rollout,
        sha=request.target.sha,
        branch=request.target.branch,
        command=_in_shell(template.command) if template.method is DeploymentMethod.SOURCE else None,
        install=_in_shell(template.install_command),
        install_inputs=template.install_inputs,
        workdir=template.workdir,
        port=template.port,
        is_port_fixed=template.is_port_fixed,
        is_watching=template.is_watching,
    )


def verdict_of(state: SidecarState, request: RolloutRequest, template: Template) -> Verdict | None:
    """What the sidecar's word means for the rollout: Ready (but for its URL), Degraded with the cause, None: not yet.

    Rule 9: only what it says of this very rollout and commit counts. Rule: a failing command leaves the environment
    Degraded, not Failed (FR-ENV-010).
    """
    if (state.rollout, state.sha) != (request.rollout, request.target.sha):
        return None
    match state.phase:
        case CommandPhase.IDLE:
            return Verdict(phase=Phase.READY)
        case CommandPhase.RUNNING if state.port is not None:
            return Verdict(phase=Phase.READY)
        case CommandPhase.FAILED:
            return _failed(state, COMMAND_FAILED, "command", template.command, request)
        case CommandPhase.INSTALL_FAILED:
            return _failed(state, INSTALL_FAILED, "installation of dependencies", template.install_command, request)
    return None


def waiting_for(state: SidecarState | None, template: Template) -> str:
    """What a rollout that isn't ready yet waits for; a sentence."""
    if state is None or state.phase is CommandPhase.WAITING:
        return "Its source hasn't arrived in the pod yet."
    if state.phase is CommandPhase.INSTALLING:
        return f"Dependencies are still being installed (`{_short(template.install_command)}`)."
    return f"The command `{_short(template.command)}` runs, but listens on no port yet."


def not_listening(template: Template, after: timedelta) -> str:
    """Sentences for a command that runs and never listened."""
    minutes = max(1, round(after.total_seconds() / 60))
    wanted = f" on port {template.port}" if template.is_port_fixed else ""
    return (
        f"The command `{_short(template.command)}` runs, but within {minutes} min it took no connections{wanted}. "
        "Let it listen (the variable PORT says where), or override the command. It is looked at again by itself."
    )


def kept_note(kept: Kept) -> str:
    """A line for the pull request: a dirty working tree is never lost."""
    names = [f"`{name.replace('`', '')[:MOST_OF_A_NAME]}`" for name in kept.files[:MOST_OF_A_LIST]]
    more = f" and {kept.count - len(names)} more" if kept.count > len(names) else ""
    changed = f" ({', '.join(names)}{more})" if names else ""
    return (
        f"Changes made inside the environment{changed} gave way to the newer commit; they are kept there as "
        f"`{kept.ref}`: `git cherry-pick` or `git diff` it in the environment's shell."
    )


def _in_shell(command: str | None) -> str | None:
    """With the installed package manager found first, whatever PATH the image has."""
    return command and f'mkdir -p "$HOME"; export PATH="{TOOLS}/bin:$PATH"; {command}'


def _failed(state: SidecarState, reason: str, what: str, command: str | None, request: RolloutRequest) -> Verdict:
    """Its last words are written to the log `command`, which the report quotes."""
    hint = hints.hint_for(state.tail, state.exit_code, is_out_of_memory=state.is_out_of_memory)
    text = f"The {what} `{_short(command)}` ended with {_end(state)}."
    return Verdict(
        phase=Phase.DEGRADED,
        reason="OutOfMemory" if state.is_out_of_memory else reason,
        message=f"{text} {hint}".strip(),
        failed_log=request.log_id("command") if state.tail else None,
    )


def _end(state: SidecarState) -> str:
    if state.is_out_of_memory:
        return "no memory left"
    if state.signal:
        return f"signal {state.signal[:20]}"
    return f"exit code {state.exit_code if state.exit_code is not None else 'unknown'}"


def _short(command: str | None) -> str:
    text = " ".join((command or "").split())
    return text if len(text) <= 80 else f"{text[:79]}…"
