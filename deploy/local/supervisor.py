"""Supervisord as the one process that owns the platform: init of its own PID and mount namespace.

Killing it ends every process, pod and mount at once; the network stays the host's (network.py cleans that up).
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from deploy.local import files
from deploy.local.errors import SetupError
from deploy.local.profile import Profile
from deploy.local.program import Program
from deploy.local.run import run

BIN = Path(sys.executable).parent
STOP_SECONDS = 30
PASSED_ON = ("HOME", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
PASSED_ON_PREFIX = "SSL_CERT_"
KEPT_FOLDERS = {"/var/lib/kubelet": "kubelet", "/var/lib/cni": "cni", "/var/log/pods": "pod-logs"}
"""Paths that kubelet and containerd have built in, each over a folder of our state: the host sees nothing of it."""
RUN_FOLDERS = ("/run/containerd", "/run/netns", "/var/log/containers")
"""Likewise, over memory: gone with the namespace, so nothing stale is ever found there."""


@dataclass(frozen=True)
class ProgramState:
    name: str
    state: str
    """Supervisor's word: RUNNING, STARTING, BACKOFF, STOPPED, EXITED, FATAL."""
    since: float
    """Seconds since the epoch."""
    why: str
    """What supervisor says of a failed start; empty when all is well."""


def render(profile: Profile, programs: Iterable[Program]) -> str:
    """Text of supervisord.conf; it holds secrets (programs' environments).

    Raises ValueError for a value that supervisor's format can't hold.
    """
    socket, logs = _socket(profile), profile.logs
    head = f"""\
[unix_http_server]
file={socket}
chmod=0700
[supervisord]
logfile={logs}/supervisord.log
pidfile={profile.state}/run/supervisord.pid
childlogdir={logs}
nodaemon=true
user=root
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{socket}
"""
    return head + "".join(_section(profile, program) for program in programs)


def start(profile: Profile, path: Iterable[Path]) -> int:
    """Start supervisord from the configuration that `configure` wrote; the pid (outside) of the process that owns everything.

    It doesn't answer yet: record the pid, then `wait_for_answer`.

    `path`: folders of programs that the platform's programs look for by name, before the system's.
    """
    environment = {
        key: value for key, value in os.environ.items() if key in PASSED_ON or key.startswith(PASSED_ON_PREFIX)
    }
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment["PATH"] = os.pathsep.join([*map(str, path), system])
    # Through a shell, because the mounts must be made inside the namespace and before supervisord.
    namespace = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation=private"]
    command = [*namespace, "sh", "-ec", _inside(profile)]
    with (profile.logs / "supervisord.out").open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, start_new_session=True
        )
    return process.pid


def wait_for_answer(profile: Profile, pid: int) -> None:
    """Raises SetupError, after ending the process, when it doesn't come up."""
    deadline = time.monotonic() + 20
    while True:
        try:
            _rpc(profile).supervisor.getState()
            return
        except OSError:
            if is_running(pid) and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            stop(pid)
            said = (profile.logs / "supervisord.out").read_text()[-600:].strip()
            raise SetupError(f"The supervisor didn't start: {said or 'it gave no reason'}") from None


def configure(profile: Profile, programs: Iterable[Program]) -> None:
    """Write supervisord.conf (0600) of the profile."""
    files.write(_configuration(profile), render(profile, programs), 0o600)


def update(profile: Profile, names: Iterable[str] = ()) -> None:
    """Start what the configuration newly names, restart what it changed, stop what it dropped; of `names` only, if given."""
    _supervisorctl(profile, "update", *names)


def restart(profile: Profile, names: Iterable[str]) -> None:
    _supervisorctl(profile, "restart", *names)


def states(profile: Profile) -> list[ProgramState]:
    """Raises SetupError when supervisord doesn't answer."""
    try:
        infos: Any = _rpc(profile).supervisor.getAllProcessInfo()
    except (OSError, Fault) as error:
        raise SetupError(f"The supervisor at {_socket(profile)} doesn't answer ({error}): run `make up`.") from error
    return [
        ProgramState(info["name"], info["statename"], info["start"] or info["stop"], info["spawnerr"]) for info in infos
    ]


def stop(pid: int) -> None:
    """End the process that `start` made and all below it: programs get to stop in order, then everything else is killed."""
    for init in _children(pid):
        os.kill(init, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    if is_running(pid):
        os.kill(pid, signal.SIGKILL)
    while is_running(pid):
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """A zombie has ended, though whoever started it has not yet asked for its result."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def remove_mount_points() -> None:
    """Remove the empty folders that the namespace's mounts lay over; one that the host uses is not empty and stays."""
    for folder in (*KEPT_FOLDERS, *RUN_FOLDERS):
        if Path(folder).is_dir() and not any(Path(folder).iterdir()):
            Path(folder).rmdir()


def _section(profile: Profile, program: Program) -> str:
    settings = {
        "command": shlex.join(program.command),
        "environment": ",".join(f"{key}={_quoted(value)}" for key, value in program.environment.items()),
        "priority": str(program.priority),
        "user": program.user or "root",
        # Not the checkout, which may lie in a home that the program's user can't enter.
        "directory": "/",
        "umask": program.umask,
        "autorestart": "true",
        # Whatever comes up before what it needs is tried again, a second later each time, until it is there.
        "startretries": "1000000",
        "stopwaitsecs": str(program.stop_seconds),
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": f"{profile.logs}/{program.name}.log",
        "stdout_logfile_maxbytes": "20MB",
        "stdout_logfile_backups": "1",
    }
    lines = [f"{key}={_literal(program, value)}\n" for key, value in settings.items()]
    return f"[program:{program.name}]\n" + "".join(lines)


def _literal(program: Program, value: str) -> str:
    if "\n" in value or " ;" in value or " #" in value:
        raise ValueError(
            f"{program.name}: supervisor's format can't hold a line break, ` ;` or ` #` in {value[:40]!r}…"
        )
    return value.replace("%", "%%")


def _quoted(value: str) -> str:
    if '"' in value:
        raise ValueError("supervisor's environment can't hold a double quote")
    return f'"{value}"'


def _inside(profile: Profile) -> str:
    """The shell's words inside the namespace."""
    lines = []
    for folder, kept in KEPT_FOLDERS.items():
        source = profile.state / kept
        lines.append(f"mkdir -p {folder} {shlex.quote(str(source))}; mount --bind {shlex.quote(str(source))} {folder}")
    lines += [f"mkdir -p {folder}; mount -t tmpfs -o mode=755 catalyst {folder}" for folder in RUN_FOLDERS]
    # Shared among its own children only: volumes that a pod mounts must be seen by the pod's other containers.
    lines.append("mount --make-rshared /")
    lines.append(f"exec {shlex.join([str(BIN / 'supervisord'), '-n', '-c', str(_configuration(profile))])}")
    return "\n".join(lines)


def _rpc(profile: Profile) -> Any:
    # The host name is never used: the transport goes to the socket.
    return ServerProxy("http://supervisor", SupervisorTransport(None, None, f"unix://{_socket(profile)}"))


def _supervisorctl(profile: Profile, *words: str) -> None:
    run(BIN / "supervisorctl", "-c", _configuration(profile), *words)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _socket(profile: Profile) -> Path:
    return profile.state / "run" / "supervisor.sock"


def _configuration(profile: Profile) -> Path:
    return profile.state / "supervisord.conf"
