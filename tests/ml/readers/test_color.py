"""How much of an image is in color, whatever mode it is stored in."""

import numpy as np
import pytest
from PIL import Image as Pillow

from ml.readers.color import NONE, measure
from tests import builders


def colorful() -> Pillow.Image:
    plane = builders.rgb(builders.phantom(128))
    plane[:, :64, 0] = 255
    plane[:, 64:, 2] = 255
    return Pillow.fromarray(plane)


@pytest.mark.parametrize("mode", ["L", "1", "I;16", "I", "F", "LA", "RGB", "RGBA", "P", "CMYK", "YCbCr", "HSV"])
def test_gray_has_no_color_in_any_mode(mode: str) -> None:
    gray = Pillow.fromarray(builders.phantom(128))
    image = gray.convert("I").convert("I;16") if mode == "I;16" else gray.convert("RGB").convert(mode)
    assert measure(image).fraction < 0.01


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "YCbCr", "HSV"])
def test_color_is_seen_in_any_mode(mode: str) -> None:
    assert measure(colorful().convert(mode)).fraction > 0.5


@pytest.mark.parametrize(("opponent", "fraction"), [(128, 0.0), (140, 0.0), (200, 1.0), (40, 1.0)])
def test_color_in_lab(opponent: int, fraction: float) -> None:
    """Pillow keeps LAB's two color planes around 128."""
    planes = [builders.phantom(64), np.full((64, 64), opponent, np.uint8), np.full((64, 64), 128, np.uint8)]
    assert measure(Pillow.merge("LAB", [Pillow.fromarray(plane) for plane in planes])) == (fraction, fraction)


def test_hidden_color_does_not_count() -> None:
    """Where an image is transparent, what is seen is black."""
    image = colorful().convert("RGBA")
    image.putalpha(0)
    assert measure(image) == NONE


def test_a_single_tint_is_not_color() -> None:
    sepia = (builders.rgb(builders.phantom(128)) * (1.0, 0.88, 0.7)).astype(np.uint8)
    assert measure(Pillow.fromarray(sepia)).fraction < 0.01


def test_a_single_pixel_does_not_fail() -> None:
    assert measure(Pillow.new("RGB", (1, 1), (255, 0, 0))) == (1.0, 1.0)
