"""What was measured so far: values and floors by series."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tests.bench.figures import Figure


class Measured:
    """In the order in which it was measured; each value is told on standard error as it comes."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = defaultdict(list)
        self._floors: dict[str, list[float]] = defaultdict(list)

    def note(self, series: str, value: float, floor: float | None = None) -> None:
        self._values[series].append(value)
        beside = ""
        if floor is not None:
            self._floors[series].append(floor)
            beside = f", floor {floor:.2f}"
        print(f"{series}: {value:.2f}{beside}", file=sys.stderr, flush=True)

    def figures(self, wanted: Sequence[Figure]) -> list[dict[str, Any]]:
        """Of those series that were measured."""
        return [
            each.of(self._values[each.series], self._floors[each.series])
            for each in wanted
            if self._values[each.series]
        ]
