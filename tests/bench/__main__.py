"""`python -m tests.bench` on the running local platform: a JSON list of figures on standard output; progress, and the way of a
pull request step by step, on standard error.

Exits with 1 when something didn't come, and with 0 whether or not the limits hold: `ok` says that.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated

import httpx
import typer

from deploy.demo import leftovers
from deploy.demo.platform import NotAsExpected, Platform
from deploy.local.people import PeopleRefused
from tests.bench.crowd import AT_ONCE, IDLE_CPU, IDLE_MEMORY, crowd
from tests.bench.figures import Figure, Limit
from tests.bench.history import record
from tests.bench.lives import GONE, NODE, NODE_PUSHED, OPENED, OWNER, PUSHED, node, prebuilt
from tests.bench.quiet import QUIET_MEMORY, quiet
from tests.bench.series import Measured
from tests.bench.slow_clones import BESIDE_SLOW, slow_clones
from tests.bench.way import Ways
from tests.bench.webhooks import WEBHOOK, webhooks
from tests.e2e.machine import CommandFailed

FIGURES = (
    Figure(OPENED, Limit(1.0, above_floor=True)),
    Figure(OPENED, Limit(1.5, above_floor=True), "p95"),
    Figure(PUSHED, Limit(1.0, above_floor=True)),
    Figure(GONE, Limit(6)),
    Figure(GONE, Limit(10), "p95"),
    Figure(GONE, Limit(30), "most"),
    Figure(AT_ONCE, Limit(1.3, times_floor=True)),
    Figure(BESIDE_SLOW, Limit(1.3, times_floor=True)),
    Figure(NODE, Limit(45)),
    Figure(NODE_PUSHED, Limit(5), "p95"),
    Figure(WEBHOOK, Limit(20), "p95", "ms"),
    Figure(IDLE_CPU, Limit(2), unit="%"),
    Figure(IDLE_MEMORY, Limit(350), unit="MiB"),
    Figure(QUIET_MEMORY, Limit(300), unit="MiB"),
)
"""Issue 5's table; it tightens issue 4's."""


FAILURES = (NotAsExpected, PeopleRefused, CommandFailed, httpx.HTTPError, OSError, subprocess.SubprocessError)


class Part(StrEnum):
    PREBUILT = "prebuilt"
    NODE = "node"
    CROWD = "crowd"
    SLOW = "slow"
    WEBHOOKS = "webhooks"
    QUIET = "quiet"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def bench(
    runs: Annotated[int, typer.Option(min=1, help="lives of the prebuilt sample, and pushes of the node sample")] = 20,
    only: Annotated[list[Part] | None, typer.Option(help="may be given several times; without: all")] = None,
    note: Annotated[bool, typer.Option("--record", help="add the figures to docs/benchmarks.md")] = False,
) -> None:
    """Measure the running platform: all of it takes half an hour."""
    platform, measured = Platform.running(), Measured()
    leftovers.remove(platform, OWNER)
    opening, pushing = Ways(platform), Ways(platform)
    parts = _parts(platform, measured, (opening, pushing), runs)
    broken = [part for part in only or list(Part) if not _measured(parts[part])]
    print(
        opening.table("\nThe way of an opened pull request"),
        pushing.table("\nThe way of a push"),
        sep="\n",
        file=sys.stderr,
    )
    figures = measured.figures(FIGURES)
    print(json.dumps(figures, indent=2))
    if note:
        record(figures)
    sys.exit(1 if broken else 0)


def _measured(part: Callable[[], None]) -> bool:
    """What the others measured is told all the same."""
    try:
        part()
    except FAILURES as error:
        print(f"✗ {error}", file=sys.stderr)
        return False
    return True


def _parts(
    platform: Platform, measured: Measured, ways: tuple[Ways, Ways], runs: int
) -> Mapping[Part, Callable[[], None]]:
    def lives() -> None:
        for _ in range(runs):
            prebuilt(platform, measured, *ways)

    return {
        Part.PREBUILT: lives,
        Part.NODE: lambda: node(platform, measured, max(1, runs // 2)),
        Part.CROWD: lambda: crowd(platform, measured),
        Part.SLOW: lambda: slow_clones(platform, measured),
        Part.WEBHOOKS: lambda: webhooks(platform, measured),
        Part.QUIET: lambda: quiet(measured),
    }


def main() -> None:
    try:
        app()
    except FAILURES as error:
        print(f"✗ {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
