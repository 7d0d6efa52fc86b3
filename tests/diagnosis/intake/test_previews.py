"""Previews and thumbnails: bounded, gray, and faithful to what was read."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from diagnosis.intake.previews import PREVIEW_SIDE, THUMBNAIL_SIDE, render
from ml import readers
from ml.contracts import Image
from tests import builders


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(png)))


def test_large_images_are_bounded_and_keep_their_shape() -> None:
    wide = np.zeros((500, 2000), np.uint8)
    preview, thumbnail = render(readers.read(builders.png_bytes(wide)))
    assert pixels_of(preview).shape == (256, PREVIEW_SIDE)
    assert pixels_of(thumbnail).shape == (24, THUMBNAIL_SIDE)


def test_eight_bit_gray_levels_are_kept() -> None:
    plane = builders.phantom(200)
    assert np.array_equal(pixels_of(render(readers.read(builders.png_bytes(plane)))[0]), plane)


@pytest.mark.parametrize("top", [4095, 65535])
def test_deep_images_are_windowed_to_the_full_range(top: int) -> None:
    deep = (builders.phantom(200).astype(np.float64) / 255 * top).astype(np.uint16)
    shown = pixels_of(render(readers.read(builders.png_bytes(deep)))[0])
    assert shown.dtype == np.uint8
    assert (shown.min(), shown.max()) == (0, 255)


def test_a_flat_deep_image_does_not_divide_by_zero() -> None:
    assert pixels_of(render(readers.read(builders.png_bytes(np.full((80, 80), 7, np.uint16))))[0]).max() == 0


@pytest.mark.parametrize("unit", [1e-20, 1e-9, 1e20])
def test_values_in_any_unit_are_shown(unit: float) -> None:
    plane = builders.phantom(80).astype(np.float32)
    shown = pixels_of(render(Image(plane * np.float32(unit), "test", 80, 80))[0])
    np.testing.assert_allclose(shown, pixels_of(render(Image(plane, "test", 80, 80))[0]), atol=1)
    assert shown.max() == 255
