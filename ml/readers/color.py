"""How much of an image is in color. Only gray reaches the network, so this is measured while the color is there."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

_SIDE = 512
_FIT_SIDE = 128
_OFF_TINT = 24
"""Of 255: how far a pixel's color must be from the image's own tint. JPEG's rounding of gray stays below it."""
_MARK = 32
"""The same for a mark inside the image. A red line one pixel wide keeps about 90 when JPEG halves its colors; the
1,926 color images of slices in scans-v2.csv, without marks over the head, have no such pixel there."""
_VIVID = 96
"""Of 255: difference between the strongest and weakest of red, green and blue that no tinted gray image reaches."""
_PLAIN = 12
"""Of 255: an image in which the three differ by no more is gray, whatever its tint."""
_DARK, _EVEN, _GRAY = 32, 6, 0.7
"""If this fraction (_GRAY) of the pixels above _DARK is gray within _EVEN, the image has no tint: what differs is a
mark, and must not be taken for the tint of the few pixels that are as bright."""
_MARGIN = 1 / 8
"""Of width and height, at each edge: where programs and web sites put colored labels and banners."""

_MODES = ("RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "RGBX", "RGBa")


class Color(NamedTuple):
    """Fractions (0 to 1) of pixels in color: of the whole image, and of it without an eighth at each edge."""

    fraction: float
    inner: float


NONE = Color(0.0, 0.0)


def measure(image: Pillow.Image) -> Color:
    """How many pixels are vivid, or have a color that is not the image's own tint. None of a gray image.

    A slice shown in sepia, or photographed off a bluish screen, has one tint: the color of every pixel follows from its
    brightness. That tint is fitted (a quadratic per channel) and subtracted, so that only color that varies counts.
    """
    if image.mode not in _MODES:
        return NONE
    width, height = image.size
    small = image.resize((min(width, _SIDE), min(height, _SIDE)), Pillow.Resampling.NEAREST)
    if small.mode == "LAB":  # Pillow has no direct way from LAB to RGB; its two color planes are centered on 128
        planes = np.asarray(small, np.uint8)[..., 1:].view(np.int8)
        return _counted(np.abs(planes.astype(np.int16)).max(axis=2))
    channels = _over_black(small)
    spread = np.maximum.reduce(channels) - np.minimum.reduce(channels)
    if spread.max() <= _PLAIN:
        return NONE
    return _counted(np.maximum(_off_tint(channels), np.where(spread > _VIVID, spread, 0)))


def _over_black(image: Pillow.Image) -> list[NDArray[np.uint8]]:
    """Red, green and blue as they are seen, transparency over black."""
    rgba = image.convert("RGBA")
    opacity, black = rgba.getchannel("A"), Pillow.new("RGB", rgba.size)
    seen = rgba.convert("RGB") if opacity.getextrema() == (255, 255) else Pillow.composite(rgba, black, opacity)
    return [np.asarray(channel) for channel in seen.convert("RGB").split()]


def _off_tint(channels: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """How far each pixel's color is from the tint that the others of its brightness have, (height, width)."""
    red, green, blue = (channel.astype(np.float32) for channel in channels)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue  # ITU-R BT.601
    step = max(1, max(luma.shape) // _FIT_SIDE)
    level = luma[::step, ::step].ravel() / 255
    colors = [channel - luma for channel in (red, green, blue)]
    sample = np.stack([one[::step, ::step].ravel() for one in colors], axis=1)
    lit = np.abs(sample[level * 255 > _DARK]).max(axis=1)
    if not len(lit) or (lit <= _EVEN).mean() < _GRAY:
        terms = np.stack([np.ones_like(level), level, level**2], axis=1).astype(np.float64)
        fitted = np.linalg.lstsq(terms, sample.astype(np.float64), rcond=None)[0].astype(np.float32)
        unit = luma / np.float32(255)
        colors = [one - (a + unit * (b + unit * c)) for one, (a, b, c) in zip(colors, fitted.T, strict=True)]
    distance: NDArray[np.float32] = np.maximum.reduce([np.abs(one) for one in colors])
    return distance


def _counted(distance: NDArray[Any]) -> Color:
    height, width = distance.shape
    top, left = int(height * _MARGIN), int(width * _MARGIN)
    inner = distance[top : height - top, left : width - left]
    return Color(float((distance > _OFF_TINT).mean()), float((inner > _MARK).mean()))
