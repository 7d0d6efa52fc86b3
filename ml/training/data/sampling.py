"""Draws the copies that a training sees: every source and label about equally often.

One source holds 43 % of the training images, all with a tumor. Sampled evenly by image, the network would learn that
source.
"""

from collections import Counter

import numpy as np

from ml.training.data.dataset import Draw
from ml.training.data.table import Row

MOST_COPIES = 8
"""Of one image, so that a small source does not repeat a few heads endlessly."""

HEALED_COPIES = 3
"""Of a healed slice: only about half of the tumors can be covered, while each is grafted onto several slices."""


def draws(rows: list[Row], *, per_stratum: int, seed: int) -> list[Draw]:
    """Copies of `rows`, about `per_stratum` for each source and label, in an order drawn from `seed`.

    Every image appears as it is and in at least one augmented copy, and at most MOST_COPIES times.
    """
    sizes = Counter((row.source, row.label) for row in rows)
    drawn = [
        (row, round_)
        for row in rows
        for round_ in range(min(max(round(per_stratum / sizes[row.source, row.label]), 2), MOST_COPIES))
    ]
    order = np.random.default_rng(seed).permutation(len(drawn))
    return [drawn[i] for i in order]


def synthetic_draws(rows: list[Row]) -> list[Draw]:
    """Augmented copies of the rows that `counterfactual.synthetic_rows` returns."""
    return [(row, round_) for row in rows for round_ in range(1, 1 + (HEALED_COPIES if _only_healed(row) else 1))]


def _only_healed(row: Row) -> bool:
    return row.change is not None and row.change.healed and row.change.tumor is None
