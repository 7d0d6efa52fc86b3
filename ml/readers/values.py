"""A slice's gray values before any window: what a viewer needs to set windows of its own, and to measure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Window = tuple[float, float, float, float]
"""The lowest and the highest value that it shows, and its center and width as the file gives them."""

EIGHT_BITS: Window = (0.0, 255.0, 127.5, 255.0)
"""Shows an image of 8 bits as it is."""


@dataclass(frozen=True, slots=True)
class GrayValues:
    """One slice, upright, with square pixels.

    plane: (height, width), uint8, uint16 or finite float32. windows: of the file, its first one
    first; empty if it has none. inverted: low values are bright (MONOCHROME1).
    millimeters: width and height of the slice in the patient, None if the file does not say how large its pixels are.
    """

    plane: NDArray[Any]
    windows: tuple[Window, ...] = ()
    inverted: bool = False
    millimeters: tuple[float, float] | None = None


def of_image(plane: NDArray[Any]) -> GrayValues:
    """An image's values. What its file says of dots per inch is no size in a patient, so its size is unknown."""
    return GrayValues(plane, windows=(EIGHT_BITS,) if plane.dtype == np.uint8 else ())
