"""docs/benchmarks.md: what was measured when, on which machine, at which commit."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = "| figure | value | floor | limit | within | runs |\n|---|---|---|---|---|---|\n"


def record(figures: Sequence[Mapping[str, Any]]) -> None:
    """The newest comes last."""
    with PAGE.open("a") as page:
        page.write(f"\n## {datetime.now(UTC):%Y-%m-%d}, {_commit()}\n{_machine()}\n\n{HEAD}")
        page.writelines(_row(each) for each in figures)


def _row(figure: Mapping[str, Any]) -> str:
    unit, floor = figure["unit"], figure["floor"]
    beside = "–" if floor is None else f"{floor:g} {unit}"
    within = "yes" if figure["ok"] else "**no**"
    value, limit = f"{figure['value']:g} {unit}", f"{figure['limit']:g} {unit}"
    return f"| {figure['figure']} | {value} | {beside} | {limit} | {within} | {len(figure['runs'])} |\n"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=PAGE.parent, check=True, capture_output=True, text=True).stdout.strip()


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"
