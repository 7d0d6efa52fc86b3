"""Pixels become square, whatever the file's are."""

import numpy as np
import pytest

from ml.readers.aspect import squared
from ml.readers.volumes import nifti
from tests.ml.readers.volumes.test_nifti import head, stored


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize(
    ("sides", "shape"), [((2.0, 1.0), (40, 30)), ((0.5, 1.0), (20, 60)), ((1.0, 1.5), (20, 45)), ((4.0, 1.0), (80, 30))]
)
def test_the_longer_side_is_resampled(sides: tuple[float, float], shape: tuple[int, int], kind: type) -> None:
    plane: np.ndarray = np.arange(600).reshape(20, 30).astype(kind)
    found, notes = squared(plane, sides)
    assert (found.shape, found.dtype) == (shape, plane.dtype)
    assert "square pixels" in notes[0]


@pytest.mark.parametrize("sides", [None, (1.0, 1.0), (1.0, 1.009)])
def test_square_pixels_stay_as_they_are(sides: tuple[float, float] | None) -> None:
    plane = np.zeros((20, 30), np.float32)
    assert squared(plane, sides) == (plane, ())


def test_an_unlikely_ratio_is_a_mistake() -> None:
    plane = np.zeros((20, 30), np.float32)
    found, notes = squared(plane, (9.0, 1.0))
    assert found is plane
    assert "unlikely" in notes[0]


def test_slices_of_a_volume_have_square_pixels() -> None:
    image = nifti.open_file(stored(head(), zooms=(1, 2, 5)), max_pixels=10**6).image(0)
    assert (image.pixels.shape, image.width, image.height) == ((48, 20), 20, 24)
    assert "2 mm high and 1 mm wide" in image.notes[-1]
