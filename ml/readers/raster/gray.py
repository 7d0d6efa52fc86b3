"""From an image with colors and transparency to one plane of gray values."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageChops

from ml.readers import outliers
from ml.readers.outliers import without_outliers

_STRIP = 256  # rows


def plane(image: Pillow.Image) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The gray values, (height, width), uint8, uint16 or float32, and sentences on what was done to them."""
    if _is_deep(image):
        deep = np.asarray(image).astype(np.uint16 if image.mode.startswith("I;16") else np.float32)
        inside = without_outliers(deep)
        return inside, () if inside is deep else (outliers.NOTE,)
    width, height = image.size
    found, top = np.empty((height, width), np.uint8), 0
    for strip in strips(image):  # `np.array` would hold all of the image three times
        found[top : top + len(strip)] = strip
        top += len(strip)
    return found, ()


def strips(image: Pillow.Image) -> Iterator[NDArray[Any]]:
    """The rows of `plane`, some at a time."""
    if _is_deep(image):
        yield plane(image)[0]
        return
    shown = _eight_bits(image)
    width, height = shown.size
    for top in range(0, height, _STRIP):
        yield np.asarray(shown.crop((0, top, width, min(top + _STRIP, height))))


def _is_deep(image: Pillow.Image) -> bool:
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


def _eight_bits(image: Pillow.Image) -> Pillow.Image:
    if image.mode == "La":  # gray that was multiplied by its opacity: over black, that is what shows
        return image.getchannel("L")
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        # Over black, brightness is luma times opacity, which needs two planes instead of three color images.
        image = ImageChops.multiply(rgba.convert("RGB").convert("L"), rgba.getchannel("A"))
    if image.mode == "LAB":
        image = image.getchannel("L").point(_LIGHTNESS)
    if image.mode not in ("L", "1", "RGB"):
        image = image.convert("RGB")
    return image if image.mode == "L" else image.convert("L")


def _shown_lightness() -> list[int]:
    """The gray of sRGB (IEC 61966-2-1) for each of 256 steps of CIELAB's lightness."""
    lightness = np.arange(256) * (100 / 255)
    linear = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
    encoded = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return [int(value) for value in np.round(255 * encoded)]


_LIGHTNESS = _shown_lightness()
