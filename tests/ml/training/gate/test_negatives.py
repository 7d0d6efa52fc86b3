"""Pictures that are no brain, drawn in code: any number of them, the same every time, and never one flat shade."""

import numpy as np
import pytest

from ml.preprocess import preprocess
from ml.training.gate import negatives
from ml.training.gate.negatives import FAMILIES, PAINTERS, SPOILERS, canvas, scrambles
from tests.builders import phantom


def brains(count: int = 2) -> list[np.ndarray]:
    return [phantom(224, seed=n).astype(np.float32) for n in range(count)]


PAINT = [(family, painter) for family, painters in PAINTERS.items() for painter in painters]


@pytest.mark.parametrize(("family", "painter"), PAINT, ids=lambda value: getattr(value, "__name__", value))
def test_every_painter_draws_a_picture(family: str, painter: canvas.Painter) -> None:
    for seed in range(4):
        plane = painter(np.random.default_rng(seed))
        assert plane.dtype == np.float32
        assert min(plane.shape) >= 64
        assert plane.min() >= 0.0 and plane.max() <= 1.0
        assert plane.std() > 0.01


def test_the_same_number_is_the_same_picture() -> None:
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


def test_without_brains_nothing_is_scrambled() -> None:
    number = FAMILIES.index("scrambled")
    assert negatives.synthesize(number, seed=0, brains=[])[0] == "texture"


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
def test_a_spoiled_brain_is_another_picture(spoil: canvas.Painter) -> None:
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
