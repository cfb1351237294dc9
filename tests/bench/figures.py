"""A figure of the bench: a statistic of runs, beside its floor, against its limit."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values don't exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "median": median,
    "p95": lambda values: percentile(values, 0.95),
    "most": max,
}


@dataclass(frozen=True)
class Limit:
    """At most this much; or this much above the floor; or this many times the floor. The floor: median of the same session."""

    at_most: float
    above_floor: bool = False
    times_floor: bool = False

    def value(self, floor: float | None) -> float:
        if self.times_floor:
            return self.at_most * (floor or 0.0)
        return self.at_most + (floor or 0.0 if self.above_floor else 0.0)


@dataclass(frozen=True)
class Figure:
    """What is said of one series of runs."""

    series: str
    limit: Limit
    statistic: str = "median"
    unit: str = "s"

    @property
    def name(self) -> str:
        return self.series if self.statistic == "median" else f"{self.series}, {self.statistic}"

    def of(self, runs: Sequence[float], floors: Sequence[float]) -> dict[str, Any]:
        """`runs` and `floors` in the order in which they were measured; rounded to milliseconds or the like."""
        value = STATISTICS[self.statistic](runs)
        floor = median(floors) if floors else None
        most = self.limit.value(floor)
        return {
            "figure": self.name,
            "value": round(value, 3),
            "unit": self.unit,
            "floor": None if floor is None else round(floor, 3),
            "limit": round(most, 3),
            "ok": value <= most,
            "runs": [round(run, 3) for run in runs],
        }
