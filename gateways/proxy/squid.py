"""The processes of the forward proxy: one squid for each block of ports, started, told of changes, and started again."""

import asyncio
import logging
import os
import pwd
import re
import shutil
import signal
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from activities.protocols import GatewayError
from gateways.proxy.configuration import Outside, Package, Place, Project, blocks, ports_of, render
from gateways.proxy.refusals import Refusals, open_refusals

LOG = logging.getLogger("catalyst.egress")
AGAIN_SECONDS = 1.0
LISTENING_SECONDS = 20.0
LISTEN_LOOK_SECONDS = 0.02
SOCKETS, LISTENING = (Path("/proc/net/tcp"), Path("/proc/net/tcp6")), "0A"
"""The kernel's tables, and how they write the state (proc(5))."""
STOP_SECONDS = 5.0
CHUNK = 64 * 1024
OPENED = re.compile(r"Accepting .*HTTP Socket connections at .*local=\S+:(\d+)")
"""What squid says of each port, at its start and after each reading of its configuration."""
PAGE = """\
<!DOCTYPE html><title>Refused</title>
<p>%H was refused by the platform's proxy: it isn't an approved host, or no address that may be reached.
The log "egress" of this environment says what would allow it.
"""
"""%H is the host, escaped by squid."""


class ProxyBroken(GatewayError):
    """The program isn't there, or doesn't take its configuration or its ports."""

    retryable = True


@dataclass
class Squid:
    """Implements egress.follower.ForwardProxy. Make it with `open_squid`."""

    package: Package
    folder: Path
    """Of configuration and logs; what lies in it is written over."""
    user: str | None
    """Account that the programs run under; None: ours."""
    log_port: int
    hosts: Path = Path("/etc/hosts")
    _texts: dict[int, str] = field(default_factory=dict)
    _running: dict[int, "_Instance"] = field(default_factory=dict)

    async def apply(self, outside: Outside, projects: Iterable[Project]) -> None:
        """Returns when every project's port is open under its list. Raises ProxyBroken, and then the old rules hold on."""
        projects = tuple(projects)
        place = Place(self.package, self.folder / "errors", self.log_port, self.hosts)
        wanted = blocks(outside, projects)
        for number, mine in wanted.items():
            await self._bring(number, render(outside, place, number, mine, projects), ports_of(outside, number, mine))
        for number in set(self._running) - set(wanted):
            self._texts.pop(number, None)
            await self._running.pop(number).stop()

    async def aclose(self) -> None:
        await asyncio.gather(*(each.stop() for each in self._running.values()))

    async def _bring(self, number: int, text: str, ports: tuple[int, ...]) -> None:
        if self._texts.get(number) == text:
            return
        folder = self.folder / str(number)
        new, current = folder / "squid.conf.new", folder / "squid.conf"
        await asyncio.to_thread(_write, new, text, self.user)
        # A squid that is told to read what it can't take ends, and everybody's way out with it.
        await self._check(new)
        new.replace(current)
        if number in self._running:
            self._running[number].reload()
        else:
            command = self._command("-N", "-d", "1", "-f", str(current))
            self._running[number] = _Instance(command, self._environment())
        await self._running[number].wait_until_open(ports)
        self._texts[number] = text

    async def _check(self, file: Path) -> None:
        command = self._command("-k", "parse", "-f", str(file))
        try:
            process = await asyncio.create_subprocess_exec(
                *command, env=self._environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
        except OSError as error:
            raise ProxyBroken(f"{self.package.program} can't be started: {error}") from error
        said, _ = await process.communicate()
        if process.returncode:
            raise ProxyBroken(f"squid doesn't take its configuration {file}: {_complaint(said)}")

    def _command(self, *words: str) -> list[str]:
        return [*_less(self.user), str(self.package.program), *words]

    def _environment(self) -> dict[str, str]:
        libraries = self.package.root / "lib"
        # Installed, it finds them by itself.
        own = {"LD_LIBRARY_PATH": str(libraries)} if self.package.root != Path("/") and libraries.is_dir() else {}
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"} | own


@asynccontextmanager
async def open_squid(
    package: Package, folder: Path, user: str | None, hosts: Path = Path("/etc/hosts")
) -> AsyncIterator[tuple[Squid, Refusals]]:
    """The proxy, with nothing open yet, and what it refuses. `user`: to run under, when we are root."""
    user = user if os.geteuid() == 0 else None
    await asyncio.to_thread(_lay_out, package, folder, user)
    async with AsyncExitStack() as stack:
        refusals = await open_refusals()
        stack.callback(refusals.close)
        squid = Squid(package, folder, user, refusals.port, hosts)
        stack.push_async_callback(squid.aclose)
        yield squid, refusals


class _Instance:
    """One squid, started again whenever it ends."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self._command, self._environment = command, environment
        self._process: asyncio.subprocess.Process | None = None
        self._open: set[int] = set()
        """Ports that it said it opened since it read its configuration last."""
        self._said = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def reload(self) -> None:
        """A process that is just being started reads the new file anyway."""
        self._open.clear()
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGHUP)

    async def wait_until_open(self, ports: tuple[int, ...]) -> None:
        """By its own word: a connection might still be taken by the rules before. Raises ProxyBroken."""
        try:
            async with asyncio.timeout(LISTENING_SECONDS):
                while missing := set(ports) - self._open:
                    self._said.clear()
                    await self._said.wait()
                # It says so a moment before it listens.
                while missing := set(ports) - await asyncio.to_thread(_listened_on):
                    await asyncio.sleep(LISTEN_LOOK_SECONDS)
        except TimeoutError as error:
            raise ProxyBroken(
                f"squid doesn't listen on {sorted(missing)[:5]} within {LISTENING_SECONDS:g} s: "
                "is CATALYST_PROXY__ADDRESS an address of this machine, and are the ports free?"
            ) from error

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            self._process = process
            try:
                await self._listen(process)
                code = await process.wait()
            finally:
                self._process = None
                await _end(process)
            LOG.error("squid ended with %s and is started again; what it said stands above", code)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Until it ends. What it says goes into our own log, which whoever runs us bounds."""
        assert process.stdout is not None
        rest = b""
        while said := await process.stdout.read(CHUNK):
            *lines, rest = (rest + said)[-CHUNK:].split(b"\n")
            for line in lines:
                self._notice(line.decode(errors="replace"))

    def _notice(self, line: str) -> None:
        LOG.debug("squid: %s", line)
        if opened := OPENED.search(line):
            self._open.add(int(opened[1]))
            self._said.set()
        elif "FATAL" in line or "ERROR" in line:
            LOG.error("squid: %s", line[:500])


def _listened_on() -> set[int]:
    """TCP ports that somebody listens on here; asked of the kernel, since a connection of ours would be a request to squid."""
    found = set()
    for table in SOCKETS:
        with suppress(FileNotFoundError):  # a kernel without IPv6
            for line in table.read_text().splitlines()[1:]:
                local, _, state = line.split()[1:4]
                if state == LISTENING:
                    found.add(int(local.rpartition(":")[2], 16))
    return found


async def _end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, and SIGKILL where that doesn't help."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _less(user: str | None) -> list[str]:
    """Words before a command: ended with us, and without a right that it doesn't need."""
    own = ["--inh-caps=-all", "--bounding-set=-all", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return ["setpriv", "--pdeathsig=KILL", "--no-new-privs", *(own if user else [])]


def _lay_out(package: Package, folder: Path, user: str | None) -> None:
    """The folder, with the package's error pages and ours."""
    errors = folder / "errors"
    shutil.rmtree(errors, ignore_errors=True)
    try:
        shutil.copytree(package.texts, errors)
    except OSError as error:
        raise ProxyBroken(f"squid and squid-langpack aren't unpacked below {package.root}: {error}") from error
    (errors / "CATALYST_REFUSED").write_text(PAGE)
    for path in (folder, errors, errors / "CATALYST_REFUSED"):
        # Whatever our umask is: squid is another account.
        path.chmod(0o755 if path.is_dir() else 0o644)
    if user is not None:
        _account(user)


def _write(file: Path, text: str, user: str | None) -> None:
    """Readable by the program and by nobody else, because builds' tokens are in it; and not its own to change."""
    group = _account(user).pw_gid if user is not None else -1
    file.parent.mkdir(parents=True, exist_ok=True)
    os.chown(file.parent, -1, group)
    file.parent.chmod(0o750)
    file.unlink(missing_ok=True)
    file.touch(0o600)
    file.write_text(text)
    os.chown(file, -1, group)
    file.chmod(0o640)


def _account(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError as error:
        raise ProxyBroken(f"There is no account {user} to run squid under: set CATALYST_PROXY__USER.") from error


def _complaint(said: bytes) -> str:
    lines = [line for line in said.decode(errors="replace").splitlines() if "FATAL" in line or "ERROR" in line]
    return " ".join(lines)[:500] or "it gave no reason"
