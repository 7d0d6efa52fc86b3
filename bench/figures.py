"""Times in turns, and numbers as they are written down."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

import numpy as np


def in_turns(runs: Mapping[str, Callable[[], object]], *, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each run. They take turns, so that a machine that slows down slows all; the first round warms up
    and is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(repeats + 1):
        for name, run in runs.items():
            start = perf_counter()
            run()
            if number:
                taken[name].append((perf_counter() - start) * 1000)
    return taken


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """Median, quartiles, 95th percentile and maximum."""
    q1, median, q3, p95 = np.percentile(times, (25, 50, 75, 95))
    named = {"median": median, "q1": q1, "q3": q3, "p95": p95, "max": max(times)}
    return {name: round(float(value), 3) for name, value in named.items()}
