"""The heads in NumPy: shapes, the smooth maximum, no overflow. test_network checks them against Keras."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ml.contracts import TUMOR_TYPES
from ml.model.heads import (
    CELLS,
    CHANNELS,
    EMBEDDING,
    SHARPNESS,
    TENSORS,
    Heads,
    describe,
    pool,
    smooth_maximum,
)
from tests.ml.conftest import random_heads


def features(n: int = 4) -> np.ndarray:
    return np.random.default_rng(1).random((n, CELLS, CELLS, CHANNELS), np.float32)


def test_a_reading() -> None:
    reading = Heads.from_tensors(random_heads()).apply(features())
    assert reading.cells.shape == (4, CELLS, CELLS)
    assert reading.logits.shape == (4,)
    assert reading.types.shape == (4, len(TUMOR_TYPES))
    assert reading.embedding.shape == (4, EMBEDDING)
    assert {array.dtype for array in (reading.cells, reading.logits, reading.types, reading.embedding)} == {
        np.dtype(np.float32)
    }
    np.testing.assert_allclose(np.linalg.norm(reading.embedding, axis=1), 1, atol=1e-5)


def test_an_image_does_not_depend_on_its_batch() -> None:
    heads, maps = Heads.from_tensors(random_heads()), features()
    together = heads.apply(maps)
    for n in range(4):
        alone = heads.apply(maps[n : n + 1])
        for name in ("cells", "logits", "types", "embedding"):
            np.testing.assert_allclose(getattr(together, name)[n], getattr(alone, name)[0], atol=2e-5)


def test_a_cell_is_scored_by_itself() -> None:
    """Another cell's features move neither its logit nor anything but the shared answers."""
    heads, maps = Heads.from_tensors(random_heads()), features(1)
    changed = maps.copy()
    changed[0, 3, 4] = 0
    before, after = heads.apply(maps).cells[0], heads.apply(changed).cells[0]
    assert np.argwhere(np.abs(before - after) > 1e-5).tolist() == [[3, 4]]


@settings(deadline=None)
@given(hnp.arrays(np.float32, (3, 14, 14), elements=st.floats(-1000, 1000, width=32)))
def test_the_smooth_maximum_is_near_the_maximum(cells: np.ndarray) -> None:
    result, highest = smooth_maximum(cells), cells.max(axis=(1, 2))
    slack = 1e-4 * (1 + np.abs(highest))
    assert (result >= highest - slack).all()
    assert (result <= highest + np.log(CELLS * CELLS) / SHARPNESS + slack).all()


def test_the_smooth_maximum_of_equal_cells_is_its_upper_bound() -> None:
    assert smooth_maximum(np.zeros((1, 14, 14), np.float32))[0] == pytest.approx(np.log(196) / SHARPNESS, rel=1e-6)


@pytest.mark.parametrize("size", [1e4, 1e30])
@pytest.mark.parametrize("sign", [-1, 1])
def test_huge_logits_overflow_nowhere(size: float, sign: int) -> None:
    tensors = random_heads()
    tensors["cell/kernel"] *= 0
    tensors["cell/bias"][:] = sign * size
    with np.errstate(all="raise", under="ignore"):
        reading = Heads.from_tensors(tensors).apply(features(2))
    np.testing.assert_allclose(reading.logits, sign * size, rtol=1e-3)
    assert np.isfinite(reading.types).all()
    assert np.isfinite(reading.embedding).all()


def test_the_description_follows_the_evidence() -> None:
    flat = features(1).reshape(1, CELLS * CELLS, CHANNELS)
    cells = np.full((1, CELLS * CELLS), -50, np.float32)
    cells[0, 77] = 50
    described = describe(flat, cells)
    np.testing.assert_allclose(described[0, :CHANNELS], flat[0, 77], rtol=1e-5)
    np.testing.assert_allclose(described[0, CHANNELS:], flat[0].mean(axis=0), rtol=1e-4)


def test_a_map_of_nothing_has_an_embedding_of_zeros() -> None:
    tensors = random_heads()
    tensors["embedding/bias"] *= 0
    reading = Heads.from_tensors(tensors).apply(np.zeros((1, CELLS, CELLS, CHANNELS), np.float32))
    assert not reading.embedding.any()


@pytest.mark.parametrize("absent", TENSORS)
def test_an_absent_tensor_is_named(absent: str) -> None:
    tensors = random_heads()
    del tensors[absent]
    with pytest.raises(KeyError, match=absent):
        Heads.from_tensors(tensors)


def test_pooling_is_the_mean_over_the_map() -> None:
    maps = features(2)
    np.testing.assert_allclose(pool(maps), maps.reshape(2, -1, CHANNELS).mean(axis=1), rtol=1e-5)
