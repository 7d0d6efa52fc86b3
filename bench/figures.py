"""Numbers as they are written down."""

from collections.abc import Sequence

import numpy as np


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """Median, quartiles, 95th percentile and maximum."""
    q1, median, q3, p95 = np.percentile(times, (25, 50, 75, 95))
    named = {"median": median, "q1": q1, "q3": q3, "p95": p95, "max": max(times)}
    return {name: round(float(value), 3) for name, value in named.items()}
