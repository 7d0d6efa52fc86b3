"""Whether what a process holds grows: a slope that outliers do not move, with an interval, and a rule.

The slope is Theil and Sen's, the median of the slopes of all pairs (Sen 1968, J. Am. Stat. Assoc. 63, 1379); its
interval is Sen's, at 95 %. That interval takes the points for independent. Memory is not: what an allocator keeps after
one request is still there at the next look. So the points are medians of a minute each, in which most of it evens out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from scipy.stats import theilslopes

MINUTE = 60.0
HOURS = 24
"""A process is expected to run for a day before it is replaced or looked at."""
MEMORY_MB = 250.0
"""What a program may take on in a day: half of the room that a web container has, which holds 500 MB with its decoders
and may hold a gigabyte (`mem_limit` in compose.yaml)."""
FEWEST = 4
"""Points without which nothing is said."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Per hour, with the ends of its interval."""

    middle: float
    low: float
    high: float


def slope(seconds: Sequence[float], values: Sequence[float]) -> Slope | None:
    """Of the medians of each minute; None for fewer than FEWEST minutes."""
    minutes: dict[int, list[float]] = {}
    for second, value in zip(seconds, values, strict=True):
        minutes.setdefault(int(second // MINUTE), []).append(value)
    if len(minutes) < FEWEST:
        return None
    hours = [minute * MINUTE / 3600 for minute in minutes]
    found = theilslopes([median(part) for part in minutes.values()], hours, alpha=0.95)
    return Slope(float(found.slope), float(found.low_slope), float(found.high_slope))


def grows(found: Slope, *, a_day: float) -> bool:
    """Whether it is shown, beyond noise, that more than `a_day` is added in a day."""
    return found.low * HOURS > a_day
