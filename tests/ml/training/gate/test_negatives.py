"""Images that are no brain, drawn in code: any number of them, the same every time, and never one flat shade."""

from collections.abc import Callable

import numpy as np
import pytest

from ml.preprocess import preprocess
from ml.training.gate import negatives
from ml.training.gate.negatives import FAMILIES, MODALITIES, PAINTERS, SPOILERS, canvas, modalities, scrambles
from tests.builders import phantom

pytestmark = pytest.mark.slow

Changed = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Makes another image of a brain."""


def brains(count: int = 2) -> list[np.ndarray]:
    return [phantom(224, seed=n).astype(np.float32) for n in range(count)]


PAINT = [(family, painter) for family, painters in PAINTERS.items() for painter in painters]


@pytest.mark.parametrize(("family", "painter"), PAINT, ids=lambda value: getattr(value, "__name__", value))
def test_every_painter_draws_an_image(family: str, painter: canvas.Painter) -> None:
    for seed in range(4):
        plane = painter(np.random.default_rng(seed))
        assert plane.dtype == np.float32
        assert min(plane.shape) >= 64
        assert plane.min() >= 0.0 and plane.max() <= 1.0
        assert plane.std() > 0.01


def test_the_same_number_is_the_same_image() -> None:
    for number in range(len(FAMILIES)):
        first, again = (negatives.synthesize(number, seed=4, brains=brains())[1].pixels for _ in range(2))
        assert np.array_equal(first, again)
        assert not np.array_equal(
            preprocess(negatives.synthesize(number, seed=5, brains=brains())[1])[0],
            preprocess(negatives.synthesize(number, seed=4, brains=brains())[1])[0],
        )


def test_families_take_turns() -> None:
    drawn = [negatives.synthesize(number, seed=0, brains=brains())[0] for number in range(2 * len(FAMILIES))]
    assert drawn == [*FAMILIES, *FAMILIES]


@pytest.mark.parametrize("family", ["scrambled", *MODALITIES])
def test_without_brains_none_is_changed(family: str) -> None:
    number = FAMILIES.index(family)
    assert negatives.synthesize(number, seed=0, brains=[])[0] == "texture"


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
def test_a_spoiled_brain_is_another_image(spoil: Changed) -> None:
    brain = canvas.unit(brains()[0])
    before = brain.copy()
    spoiled = spoil(brain, np.random.default_rng(1))
    assert np.array_equal(brain, before)
    assert min(spoiled.shape) >= 64
    side = min(*spoiled.shape, *brain.shape)
    assert np.corrcoef(spoiled[:side, :side].ravel(), brain[:side, :side].ravel())[0, 1] < 0.6


def test_shuffling_keeps_the_gray_values() -> None:
    rng = np.random.default_rng(2)
    image = rng.random((48, 48)).astype(np.float32)
    tiles = scrambles.shuffled(image, np.random.default_rng(0))
    assert np.isin(tiles, image).all()


def test_the_hole_is_black_outside() -> None:
    image = negatives.in_a_head(
        np.full((224, 224), 200.0, np.float32) + np.eye(224, dtype=np.float32), seed=1, number=0
    )
    corners = image.pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == 0).all()
    assert image.pixels[112, 112] > 0


def head(side: int = 224) -> tuple[np.ndarray, np.ndarray]:
    """A round head with two gray values in it, and its distance from the center in radii."""
    y, x = np.mgrid[:side, :side]
    radius = np.hypot(x - side / 2, y - side / 2) / (0.4 * side)
    return np.where(radius < 1, np.where(x < side / 2, 0.4, 0.7), 0.0).astype(np.float32), radius


@pytest.mark.parametrize("show", MODALITIES.values(), ids=MODALITIES)
def test_another_modality_keeps_the_outline_of_the_head(show: Changed) -> None:
    plane, radius = head()
    before = plane.copy()
    for seed in range(6):
        shown = show(plane, np.random.default_rng(seed))
        assert np.array_equal(plane, before)
        assert shown.dtype == np.float32 and shown.min() >= 0.0 and shown.max() <= 1.0
        assert np.median(shown[radius < 0.7]) > 0.08 + np.median(shown[radius > 1.25])


def test_a_ct_has_a_white_ring_around_little_contrast() -> None:
    plane, radius = head()
    for seed in range(6):
        shown = modalities.ct(plane, np.random.default_rng(seed))
        assert np.mean(shown[(radius < 1) & (radius > 0.75)] == 1.0) > 0.15 > np.mean(shown[radius < 0.6] == 1.0)
        low, high = np.quantile(shown[radius < 0.6], (0.3, 0.7))
        assert high - low < 0.25  # it was 0.3, and there may be air


def test_a_map_of_labels_is_flat() -> None:
    shown = modalities.labels(head()[0], np.random.default_rng(0))
    assert len(np.unique(shown)) < 80


def test_black_squares_are_drawn_without_error() -> None:
    for show in MODALITIES.values():
        assert np.isfinite(show(np.zeros((224, 224), np.float32), np.random.default_rng(0))).all()
