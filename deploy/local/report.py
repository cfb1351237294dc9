"""What people see while the platform comes up: one line per step, with how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(stderr=True, highlight=False, soft_wrap=True)


class Step:
    """The current step; `say` names what it is at."""

    def __init__(self, name: str, usual_seconds: int) -> None:
        self._name, self._usual = name, usual_seconds
        self._status = console.status(self._text(""))

    def say(self, what: str) -> None:
        self._status.update(self._text(what))

    def _text(self, what: str) -> str:
        usual = f" [dim](usually {self._usual} s)[/]" if self._usual > 1 else ""
        return f"{self._name}{usual} [dim]{what}[/]"


@contextmanager
def step(name: str, usual_seconds: int = 0) -> Iterator[Step]:
    """A line that moves on a terminal, and one that stays when the step is done."""
    current, began = Step(name, usual_seconds), time.monotonic()
    if not console.is_terminal and usual_seconds > 5:
        console.print(f"  {name} (usually {usual_seconds} s) …")
    with current._status:
        try:
            yield current
        except BaseException:
            console.print(f"[red]✗[/] {name}")
            raise
    console.print(f"[green]✓[/] {name} [dim]{time.monotonic() - began:.1f} s[/]")
