"""The average brain that nilearn ships, as slices."""

import numpy as np
import pytest

from ml.training.data import template

pytest.importorskip("nilearn", reason="nilearn (requirements-demo.txt) is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # nilearn's own


@pytest.mark.slow
def test_slices_of_every_plane() -> None:
    drawn = list(template.squares(3, seed=1))
    assert len(drawn) == 3 * len(template.PLANES)
    assert all(square.shape == (224, 224) and square.min() >= 0 and square.max() <= 255 for square in drawn)
    assert all(0.1 < (square > 20).mean() < 0.95 for square in drawn)
    again = list(template.squares(3, seed=1))
    assert all(np.array_equal(one, other) for one, other in zip(drawn, again, strict=True))
