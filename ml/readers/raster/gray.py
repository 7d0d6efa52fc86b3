"""From a picture with colors and transparency to one plane of gray values."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageChops

from ml.readers import outliers
from ml.readers.outliers import without_outliers

_STRIP = 256  # rows


def plane(picture: Pillow.Image) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The gray values, (height, width), uint8, uint16 or float32, and sentences on what was done to them."""
    if _is_deep(picture):
        deep = np.asarray(picture).astype(np.uint16 if picture.mode.startswith("I;16") else np.float32)
        inside = without_outliers(deep)
        return inside, () if inside is deep else (outliers.NOTE,)
    width, height = picture.size
    found, top = np.empty((height, width), np.uint8), 0
    for strip in strips(picture):  # `np.array` would hold all of the picture three times
        found[top : top + len(strip)] = strip
        top += len(strip)
    return found, ()


def strips(picture: Pillow.Image) -> Iterator[NDArray[Any]]:
    """The rows of `plane`, some at a time."""
    if _is_deep(picture):
        yield plane(picture)[0]
        return
    shown = _eight_bits(picture)
    width, height = shown.size
    for top in range(0, height, _STRIP):
        yield np.asarray(shown.crop((0, top, width, min(top + _STRIP, height))))


def _is_deep(picture: Pillow.Image) -> bool:
    return picture.mode.startswith("I;16") or picture.mode in ("I", "F")


def _eight_bits(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode == "La":  # gray that was multiplied by its opacity: over black, that is what shows
        return picture.getchannel("L")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        # Over black, brightness is luma times opacity, which needs two planes instead of three color images.
        picture = ImageChops.multiply(rgba.convert("RGB").convert("L"), rgba.getchannel("A"))
    if picture.mode == "LAB":
        picture = picture.getchannel("L").point(_LIGHTNESS)
    if picture.mode not in ("L", "1", "RGB"):
        picture = picture.convert("RGB")
    return picture if picture.mode == "L" else picture.convert("L")


def _shown_lightness() -> list[int]:
    """The gray of sRGB (IEC 61966-2-1) for each of 256 steps of CIELAB's lightness."""
    lightness = np.arange(256) * (100 / 255)
    linear = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
    encoded = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return [int(value) for value in np.round(255 * encoded)]


_LIGHTNESS = _shown_lightness()
