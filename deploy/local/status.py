"""`status` and `logs`: how the running platform is, and what its programs say."""

import os
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local import announce, cluster, supervisor
from deploy.local import running as record
from deploy.local.errors import SetupError
from deploy.local.profile import Profile

NOT_RUNNING = "No platform runs on this machine: start one with `make up`."
LINES = "40"

console = Console(highlight=False, soft_wrap=True)
"""On standard output: the answer is what was asked for."""


def status() -> None:
    """A table of the programs, the node, the pods that aren't ready, and the addresses. Raises SetupError when nothing runs."""
    profile = _profile()
    table = Table("program", "state", "since", "", box=None, pad_edge=False)
    for program in supervisor.states(profile):
        since = datetime.fromtimestamp(program.since, UTC).astimezone().strftime("%H:%M:%S") if program.since else ""
        colour = "green" if program.state == "RUNNING" else "red"
        table.add_row(program.name, f"[{colour}]{program.state}[/]", since, program.why)
    console.print(table)
    console.print(f"\nnode: {cluster.node_state(profile)}")
    unready = cluster.unready_pods(profile)
    console.print("pods: all ready" if not unready else "pods not ready:\n  " + "\n  ".join(unready))
    console.print(f"\n{announce.addresses(profile)}")


def logs(program: str | None) -> None:
    """Follow one program's log, or all; never returns. Raises SetupError for a program without a log."""
    folder = _profile().logs
    files = [folder / f"{program}.log"] if program else sorted(folder.glob("*.log"))
    if not all(file.exists() for file in files):
        known = ", ".join(sorted(file.stem for file in folder.glob("*.log")))
        raise SetupError(f"No program {program!r} has a log in {folder}; there are {known}.")
    os.execvp("tail", ["tail", "-n", LINES, "-F", *map(str, files)])


def _profile() -> Profile:
    """Of what runs, whichever checkout started it."""
    running = record.read()
    if running is None or not running.is_alive:
        raise SetupError(NOT_RUNNING)
    return Profile(running.profile, root=Path(running.state).parent)
