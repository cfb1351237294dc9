"""Waiting until programs of the platform answer."""

import socket
import time
from collections.abc import Iterable

import httpx

from deploy.local import supervisor
from deploy.local.errors import SetupError
from deploy.local.profile import Profile
from deploy.local.program import Program

TAIL = 5
"""Lines of a program's log that go into the sentence."""


def wait_until_ready(profile: Profile, programs: Iterable[Program], seconds: float = 60) -> None:
    """Until each program that says how it is asked answers. Raises SetupError with the end of the log of one that doesn't."""
    deadline = time.monotonic() + seconds
    for program in programs:
        while program.ready and not answers(program.ready):
            if time.monotonic() > deadline:
                raise SetupError(_sentence(profile, program, seconds))
            time.sleep(0.1)


def answers(ready: tuple[str, ...]) -> bool:
    """As Program.ready describes. Raises ValueError for a kind it doesn't know."""
    match ready:
        case ("http", url):
            return _answers_http(url)
        case ("tcp", address):
            host, _, port = address.rpartition(":")
            return _accepts(socket.AF_INET, (host, int(port)))
        case ("unix", path):
            return _accepts(socket.AF_UNIX, path)
    raise ValueError(f"unhandled way to ask a program: {ready}")


def _answers_http(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2).status_code < 500
    except httpx.HTTPError:
        return False


def _accepts(family: socket.AddressFamily, address: tuple[str, int] | str) -> bool:
    with socket.socket(family) as client:
        client.settimeout(2)
        return client.connect_ex(address) == 0


def _sentence(profile: Profile, program: Program, seconds: float) -> str:
    log = profile.logs / f"{program.name}.log"
    states = {state.name: state.state for state in supervisor.states(profile)}
    end = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL:]) if log.exists() else "(no log)"
    return f"{program.name} doesn't answer after {seconds:.0f} s ({states.get(program.name, 'not started')}); the end of {log}:\n{end}"
