"""Bootstrap weights: how often each row is drawn when whole groups are resampled.

A calibration is fitted to weighted rows, so it needs counts rather than copies of rows, and each source has to keep its
size. Neither `scipy.stats.bootstrap` nor `sklearn.utils.resample` does both.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def draw_counts(groups: Sequence[str], *, times: int, seed: int, strata: Sequence[str] | None = None) -> Ints:
    """(times, N) how often each row is drawn when groups are drawn with replacement.

    groups: of the N rows. strata: of the same rows; each keeps its number of groups. A group in several strata counts
    for that of its last row.
    """
    names, inverse = np.unique(np.asarray(groups), return_inverse=True)
    stratum_of = dict(zip(groups, strata or [""] * len(groups), strict=True))
    of_group = np.array([stratum_of[str(name)] for name in names])
    rng = np.random.default_rng(seed)
    counts = np.zeros((times, len(names)), np.int64)
    for stratum in np.unique(of_group):
        members = np.flatnonzero(of_group == stratum)
        counts[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=times)
    return counts[:, inverse]
