"""Which copies of which pictures a training sees: each source and label about as often as any other.

One source holds 43 % of the training pictures and all of them show a tumor; drawn evenly by picture, the network would
learn that source.
"""

from collections import Counter

import numpy as np

from ml.training.data.dataset import Draw
from ml.training.data.table import Row

MOST_COPIES = 8
"""Of one picture: a small source cannot outweigh the others by repeating a few heads."""

HEALED_COPIES = 3
"""Of a healed slice, as about half of the tumors can be covered, and each is carried onto several others."""


def draws(rows: list[Row], *, per_stratum: int, seed: int) -> list[Draw]:
    """Clean and augmented copies of `rows`, about `per_stratum` for each source and label, at least the clean and one
    augmented copy of every picture and at most MOST_COPIES, in an order drawn from `seed`."""
    sizes = Counter((row.source, row.label) for row in rows)
    drawn = [
        (row, round_)
        for row in rows
        for round_ in range(min(max(round(per_stratum / sizes[row.source, row.label]), 2), MOST_COPIES))
    ]
    order = np.random.default_rng(seed).permutation(len(drawn))
    return [drawn[i] for i in order]


def synthetic_draws(rows: list[Row]) -> list[Draw]:
    """Augmented copies of pictures that were made, as `counterfactual.rows` gives them."""
    return [(row, round_) for row in rows for round_ in range(1, 1 + (HEALED_COPIES if _only_healed(row) else 1))]


def _only_healed(row: Row) -> bool:
    return row.change is not None and row.change.healed and row.change.tumor is None
