"""Softmax stays finite for any logits."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ml.model.activations import softmax


@settings(deadline=None)
@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(-(2.0**99), 2.0**99, width=32)))
def test_softmax_is_stable(logits: np.ndarray) -> None:
    result = softmax(logits)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-5)
