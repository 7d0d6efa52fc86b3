"""Square pixels: where a file's are not, the image is resampled, or the head would be shown too long or too wide."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

_TOLERANCE = 0.01
"""Pixels whose sides differ by less than this fraction count as square."""
_MAX_RATIO = 4.0
"""Largest plausible ratio of a pixel's sides; a larger one is taken as a mistake in the header."""


def plausible(sides: tuple[float, float]) -> bool:
    """Whether pixels may have these sides."""
    return max(sides) / min(sides) <= _MAX_RATIO


def squared(plane: NDArray[Any], sides: tuple[float, float] | None) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The plane with square pixels as small as the shorter side, and a note on what was done; itself if they are.

    plane: (height, width), uint8 or float32. sides: height and width of a pixel in mm, None if unknown.
    """
    if sides is None or abs(sides[0] / sides[1] - 1) <= _TOLERANCE:
        return plane, ()
    fine = min(sides)
    if not plausible(sides):
        return plane, ("The pixels' sides in the file are unlikely; they were taken as square.",)
    size = (max(round(plane.shape[1] * sides[1] / fine), 1), max(round(plane.shape[0] * sides[0] / fine), 1))
    resampled = np.asarray(Pillow.fromarray(plane).resize(size, Pillow.Resampling.BILINEAR))
    return resampled, (f"Resampled to square pixels: they are {sides[0]:g} mm high and {sides[1]:g} mm wide.",)
