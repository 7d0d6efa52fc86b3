"""Draws the copies that a training sees, each once: every image as often as any other, as it is or augmented."""

import numpy as np

from ml.training.data.dataset import Draw
from ml.training.data.table import Row


def draws(rows: list[Row], *, copies: int, seed: int) -> list[Draw]:
    """`copies` draws of `rows`, in an order drawn from `seed`.

    An image comes `copies` / N times, rounded up or down, and no copy comes twice. If it comes once, it is as it is or
    augmented, with equal odds; if more often, as it is and augmented.
    """
    rng = np.random.default_rng(seed)
    counts = _counts(len(rows), copies, rng)
    coins = rng.random(len(rows)) < 0.5
    drawn = [
        (row, first + n)
        for row, count, coin in zip(rows, counts, coins, strict=True)
        for first in [1 if count == 1 and coin else 0]
        for n in range(count)
    ]
    return [drawn[i] for i in rng.permutation(len(drawn))]


def _counts(size: int, copies: int, rng: np.random.Generator) -> list[int]:
    """How often each of `size` rows comes; they sum to `copies`. Systematic resampling (Kitagawa 1996): evenly spaced
    points, so each count is its expectation, rounded up or down."""
    mixed = rng.permutation(size)
    ends = np.arange(1.0, size + 1)
    found = np.searchsorted(ends / size, (np.arange(copies) + rng.random()) / copies, side="right")
    counts = np.zeros(size, int)
    counts[mixed] = np.bincount(found, minlength=size)
    return [int(count) for count in counts]
