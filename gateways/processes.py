"""Programs that gateways run: no shell, bounded in time, their output streamed, and never outliving the call."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

CHUNK = 64 * 1024
GRACE_SECONDS = 3.0
"""Between asking a program to end and killing it."""

PASSED_ON = ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""All that programs get of our environment: it holds the platform's secrets otherwise."""


async def run(
    command: Sequence[str],
    *,
    output: Callable[[bytes], None],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> int:
    """Exit code; `output` gets stdout and stderr in chunks as they come. Cancelling, or an error out of `output`, ends the
    program's whole process group. Bound it with asyncio.timeout."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env=inherited_environment() | dict(environment or {}),
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        while chunk := await process.stdout.read(CHUNK):
            output(chunk)
        return await process.wait()
    finally:
        if process.returncode is None:
            await asyncio.shield(_end(process))


def inherited_environment() -> dict[str, str]:
    names = (*PASSED_ON, *(name.lower() for name in PASSED_ON if name.endswith("_PROXY")))
    return {name: os.environ[name] for name in names if name in os.environ}


async def _end(process: asyncio.subprocess.Process) -> None:
    _signal(process, signal.SIGTERM)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), GRACE_SECONDS)
    # Always: the leader may be gone while something that it started isn't.
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
