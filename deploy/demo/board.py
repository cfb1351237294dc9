"""What people see while the demo runs: one row per sample on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from deploy.demo.platform import Json

COLOURS = {"Ready": "green", "Failed": "red", "Degraded": "dark_orange", "Deleted": "dim", "Deleting": "yellow"}
TO_DO = "dim"


@dataclass
class Row:
    phase: str = "waiting"
    step: str = ""
    url: str = ""
    began: float = 0.0
    ended: float = 0.0

    def seconds(self) -> str:
        """Of what goes on now; it stands still once that is over."""
        return f"{(self.ended or time.monotonic()) - self.began:.1f}" if self.began else ""


class Board:
    """Rows are made at once, in order; `console` prints above them."""

    def __init__(self, names: list[str]) -> None:
        self.console = Console(highlight=False)
        self._rows = {name: Row() for name in names}

    @contextmanager
    def shown(self) -> Iterator[None]:
        if not self.console.is_terminal:
            yield
            return
        with Live(get_renderable=self._table, console=self.console, refresh_per_second=8):
            yield

    def say(self, text: RenderableType = "") -> None:
        """Rich markup; escape what comes from outside."""
        self.console.print(text, soft_wrap=True)

    def begin(self, name: str, what: str) -> None:
        self._change(name, phase=what, step="", began=time.monotonic(), ended=0.0)

    def end(self, name: str) -> None:
        self._rows[name].ended = time.monotonic()

    def progress(self, name: str, environment: Json) -> None:
        """What the API says of the sample's environment."""
        steps = environment.get("steps") or []
        running = [str(step["name"]) for step in steps if step["state"] == "running"]
        self._change(name, phase=environment["phase"], step=", ".join(running), url=environment["url"] or "")

    def _change(self, name: str, **fields: object) -> None:
        row = self._rows[name]
        before = (row.phase, row.step)
        for field, value in fields.items():
            setattr(row, field, value)
        if not self.console.is_terminal and (row.phase, row.step) != before:
            self.say(f"  {name:<13} {row.seconds():>6} s  {row.phase} {row.step}".rstrip())

    def _table(self) -> Table:
        table = Table("sample", "phase", "step", "seconds", "URL", box=None, pad_edge=False)
        for name, row in self._rows.items():
            colour = COLOURS.get(row.phase, TO_DO if not row.began else "yellow")
            table.add_row(name, f"[{colour}]{escape(row.phase)}[/]", row.step, row.seconds(), row.url)
        return table
