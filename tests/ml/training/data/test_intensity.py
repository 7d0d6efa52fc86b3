"""Changes of gray values: each does what it says, within 0 to 1, and not to the tumor where it must not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ml.preprocess import SIZE
from ml.training.data import intensity
from ml.training.data.intensity import Shades, change
from tests import builders
from tests.ml.training.data.test_augment import QUIET

NOTHING = np.zeros((SIZE, SIZE), np.uint8)
STRENGTHS = {"bias_strength", "smallest", "sigma", "noise_strength"}


def unit() -> np.ndarray:
    return builders.phantom(SIZE).astype(np.float32) / np.float32(255)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(max_examples=20, deadline=None)
@given(
    plane=hnp.arrays(np.float32, (8, 8), elements=st.floats(0, 1, width=32)),
    seed=st.integers(0, 2**32),
)
def test_whatever_is_drawn_the_range_holds(plane: np.ndarray, seed: int) -> None:
    every = Shades(strip=1, air=1, invert=1, curve=1, bias=1, resolution=1, blur=1, noise=1, cut=1, text=1)
    changed, hidden = change(np.kron(plane, np.ones((28, 28), np.float32)), NOTHING, rng(seed), every)
    assert changed.shape == hidden.shape == (SIZE, SIZE)
    assert (changed.dtype, hidden.dtype) == (np.dtype(np.float32), np.dtype(bool))
    assert np.isfinite(changed).all()
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_nothing_is_changed_without_shares() -> None:
    changed, hidden = change(unit(), NOTHING, rng(), QUIET)
    np.testing.assert_allclose(changed, unit(), atol=1e-6)
    assert not hidden.any()


@pytest.mark.parametrize("name", sorted(set(Shades.__slots__) - STRENGTHS))
def test_each_change_by_itself_changes_the_image(name: str) -> None:
    share: dict[str, Any] = {name: getattr(Shades(), name) if name in ("gamma", "contrast") else 1.0}
    alone = replace(QUIET, **share)
    assert max(np.abs(change(unit(), NOTHING, rng(n), alone)[0] - unit()).mean() for n in range(3)) > 0.001


def test_the_head_is_told_from_the_air() -> None:
    head = intensity._grow(intensity.head_mask(unit()))
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    radius = np.hypot((x - 0.5) / 0.38, (y - 0.5) / 0.45)
    assert head[radius < 0.95].all()  # dark ventricles and fluid within, too
    assert not head[radius > 1.08].any()


def test_air_is_filled_around_the_head_only() -> None:
    filled, _ = change(unit(), NOTHING, rng(), replace(QUIET, air=1.0))
    assert np.median(filled[:10]) > 0.1
    np.testing.assert_allclose(filled[80:140, 80:140], unit()[80:140, 80:140], atol=1e-6)


def test_an_inverted_head_stands_in_black_air() -> None:
    inverted, _ = change(unit(), NOTHING, rng(), replace(QUIET, invert=1.0))
    np.testing.assert_allclose(inverted[80:140, 80:140], 1 - unit()[80:140, 80:140], atol=1e-6)
    assert inverted[:10].max() < 0.1


def test_a_stripped_skull_is_hidden_and_the_brain_stays() -> None:
    stripped, hidden = change(unit(), NOTHING, rng(), replace(QUIET, strip=1.0))
    np.testing.assert_allclose(stripped[90:130, 90:130], unit()[90:130, 90:130], atol=0.02)
    assert hidden[:20].all()
    assert not hidden[90:130, 90:130].any()
    assert stripped[hidden].max() < 0.6


def test_an_image_without_a_head_is_not_stripped_to_nothing() -> None:
    dark = np.zeros((SIZE, SIZE), np.float32)
    dark[100:120, 100:120] = 1
    stripped, hidden = change(dark, NOTHING, rng(), replace(QUIET, strip=1.0))
    np.testing.assert_allclose(stripped, dark, atol=1e-6)
    assert not hidden.any()


@pytest.mark.parametrize("name", ["cut", "text"])
def test_nothing_is_drawn_over_what_is_marked(name: str) -> None:
    region = NOTHING.copy()
    region[60:160, 60:160] = 1
    changed, share = False, dict[str, Any]({name: 1.0})
    for seed in range(20):
        drawn, _ = change(unit(), region, rng(seed), replace(QUIET, **share))
        np.testing.assert_allclose(drawn[region > 0], unit()[region > 0], atol=1e-6)
        changed |= bool(np.abs(drawn - unit()).max() > 0.1)
    assert changed


def test_a_curve_keeps_the_order_of_grays() -> None:
    ramp = np.tile(np.linspace(0, 1, SIZE, dtype=np.float32), (SIZE, 1))
    for seed in range(5):
        curved = intensity._curve(ramp, rng(seed))
        assert (np.diff(curved[0]) >= -1e-6).all()
        assert curved[0, 0] == pytest.approx(0)
        assert curved[0, -1] == pytest.approx(1)
