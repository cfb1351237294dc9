"""A figure of the bench: a median of runs, beside its floor, against its limit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Limit:
    """What a value may be at most: so much above the floor of the same runs, or so much at all."""

    at_most: float
    above_floor: bool = False

    def value(self, floor: float | None) -> float:
        return self.at_most + (floor or 0.0 if self.above_floor else 0.0)


def figure(name: str, unit: str, runs: Sequence[float], floors: Sequence[float], limit: Limit) -> dict[str, Any]:
    """`runs` and `floors` in the order in which they were measured; medians of both, rounded to milliseconds or the like."""
    value = median(runs)
    floor = median(floors) if floors else None
    most = limit.value(floor)
    return {
        "figure": name,
        "value": round(value, 3),
        "unit": unit,
        "floor": None if floor is None else round(floor, 3),
        "limit": round(most, 3),
        "ok": value <= most,
        "runs": [round(run, 3) for run in runs],
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values don't exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
