"""Softmax and sigmoid are SciPy's, which serving goes without, and stay finite for any logits."""

import numpy as np
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ml.model.activations import sigmoid, softmax

LOGITS = hnp.arrays(np.float32, (3, 4), elements=st.floats(-(2.0**99), 2.0**99, width=32))
TINY = np.finfo(np.float64).tiny
"""Below the smallest normal number SciPy gives 0."""


@settings(deadline=None)
@given(LOGITS)
def test_softmax(logits: np.ndarray) -> None:
    result = softmax(logits)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(result, scipy.special.softmax(logits, axis=1), atol=1e-6)


@settings(deadline=None)
@given(LOGITS)
def test_sigmoid(logits: np.ndarray) -> None:
    np.testing.assert_allclose(sigmoid(logits), scipy.special.expit(logits.astype(np.float64)), rtol=1e-12, atol=TINY)


def test_what_is_not_a_number_stays_none() -> None:
    assert np.isnan(sigmoid([np.nan, 0.0])).tolist() == [True, False]
