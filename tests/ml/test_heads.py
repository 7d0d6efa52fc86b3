"""The NumPy heads: shapes, probabilities, the threshold's side."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ml.contracts import TUMOR_TYPES
from ml.heads import TENSORS, Heads, pool, softmax
from tests.ml.conftest import random_heads


def features(n: int = 4) -> np.ndarray:
    return np.random.default_rng(1).random((n, 14, 14, 512), np.float32)


def test_probabilities() -> None:
    scores, types = Heads.from_tensors(random_heads()).probabilities(features())
    assert scores.shape == (4,)
    assert types.shape == (4, 3)
    assert ((scores > 0) & (scores < 1)).all()
    np.testing.assert_allclose(types.sum(axis=1), 1, atol=1e-6)


def test_a_picture_does_not_depend_on_its_batch() -> None:
    heads, maps = Heads.from_tensors(random_heads()), features()
    together = heads.probabilities(maps)[0]
    alone = np.concatenate([heads.probabilities(maps[n : n + 1])[0] for n in range(4)])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_threshold_itself_is_tumor() -> None:
    heads, maps = Heads.from_tensors(random_heads()), features(1)
    score = heads.predict(maps, threshold=0.5)[0].tumor_probability
    assert heads.predict(maps, threshold=score)[0].outcome == "tumor"
    assert heads.predict(maps, threshold=np.nextafter(score, 2))[0].outcome == "no_tumor"


def test_types_are_named() -> None:
    [prediction] = Heads.from_tensors(random_heads()).predict(features(1), threshold=0.5)
    assert tuple(prediction.type_probabilities) == TUMOR_TYPES
    assert sum(prediction.type_probabilities.values()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("absent", TENSORS)
def test_an_absent_tensor_is_named(absent: str) -> None:
    tensors = random_heads()
    del tensors[absent]
    with pytest.raises(KeyError, match=absent):
        Heads.from_tensors(tensors)


def test_pooling_is_the_mean_over_the_map() -> None:
    maps = features(2)
    np.testing.assert_allclose(pool(maps), maps.reshape(2, -1, 512).mean(axis=1), rtol=1e-5)


@settings(deadline=None)
@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(-(2.0**99), 2.0**99, width=32)))
def test_softmax_is_stable(logits: np.ndarray) -> None:
    result = softmax(logits)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-5)
