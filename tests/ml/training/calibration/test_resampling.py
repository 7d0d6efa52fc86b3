"""Bootstrap weights: groups stay whole, and strata keep their size."""

import numpy as np

from ml.training.calibration.resampling import draw_counts


def test_groups_stay_whole_and_their_number_is_kept() -> None:
    counts = draw_counts(["a", "a", "b", "c"], times=50, seed=1)
    assert counts.shape == (50, 4)
    assert np.array_equal(counts[:, 0], counts[:, 1])
    assert (counts[:, 1:].sum(axis=1) == 3).all()
    assert len(np.unique(counts, axis=0)) > 5


def test_every_stratum_keeps_its_number_of_groups() -> None:
    counts = draw_counts(["a", "b", "c", "d", "e"], strata=["x", "x", "y", "y", "y"], times=50, seed=1)
    assert (counts[:, :2].sum(axis=1) == 2).all()
    assert (counts[:, 2:].sum(axis=1) == 3).all()


def test_the_seed_decides() -> None:
    one, again, other = (draw_counts(list("abcdef"), times=5, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
