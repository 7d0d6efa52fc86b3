"""Draws the copies that a training sees, each once: balanced by `balance`, as they are or augmented."""

import numpy as np

from ml.training.data import balance
from ml.training.data.dataset import Draw
from ml.training.data.table import Row


def draws(rows: list[Row], *, copies: int, seed: int) -> list[Draw]:
    """`copies` draws of `rows`, in an order drawn from `seed`.

    An image comes as often as `balance.weights` says, rounded up or down, and no copy comes twice. If it comes once, it
    is as it is or augmented, with equal odds; if more often, as it is and augmented. Synthetic images are always
    augmented.
    """
    rng = np.random.default_rng(seed)
    counts = _counts(balance.weights(rows), copies, rng)
    coins = rng.random(len(rows)) < 0.5
    drawn = [
        (row, first + n)
        for row, count, coin in zip(rows, counts, coins, strict=True)
        for first in [1 if row.change is not None or (count == 1 and coin) else 0]
        for n in range(count)
    ]
    return [drawn[i] for i in rng.permutation(len(drawn))]


def _counts(weights: balance.Floats, copies: int, rng: np.random.Generator) -> list[int]:
    """How often each row comes; they sum to `copies`. Systematic resampling (Kitagawa 1996): evenly spaced points, so
    each count is its expectation, rounded up or down."""
    mixed = rng.permutation(len(weights))
    ends = np.cumsum(weights[mixed])
    places = np.searchsorted(ends / ends[-1], (np.arange(copies) + rng.random()) / copies, side="right")
    counts = np.zeros(len(weights), int)
    counts[mixed] = np.bincount(places, minlength=len(weights))
    return [int(count) for count in counts]
