"""How many pictures in one forward pass pay on this machine, found by trying.

A graphics processor has idle units left in a pass over one picture; a processor of few cores has none, and eight
pictures take it eight times as long.
"""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ml.preprocess import SIZE

MOST = 32
"""Pictures. Their maps take 55 MB, and a picture waits for no more than so many others."""

PAYS = 0.8
"""A doubling is worth the wait of those that came first if a picture costs at most so much of what it did before."""

_TRIES = 3


def measured(forward: Callable[[NDArray[np.float32]], object], *, full: type[Exception] = MemoryError) -> int:
    """The largest power of two up to MOST to which each doubling pays; 1 where none does.

    full: what `forward` raises where a batch does not fit, as its memory or that of what it calls ends.
    """
    size, cost = 1, _seconds(forward, 1)
    while size < MOST:
        try:
            doubled = _seconds(forward, 2 * size)
        except full:
            break
        if doubled > PAYS * cost:
            break
        size, cost = 2 * size, doubled
    return size


def _seconds(forward: Callable[[NDArray[np.float32]], object], size: int) -> float:
    """Of one picture in a pass over `size`; the first pass, which may choose kernels for that size, is not counted."""
    pictures, taken = np.zeros((size, SIZE, SIZE, 3), np.float32), []
    for _ in range(_TRIES + 1):
        start = perf_counter()
        forward(pictures)
        taken.append(perf_counter() - start)
    return median(taken[1:]) / size
