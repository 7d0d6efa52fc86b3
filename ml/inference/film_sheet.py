"""Whether an image shows several slices side by side: a film sheet, a contact sheet, a mosaic.

Neighboring slices of a series look alike, so such an image resembles itself when it is shifted by the size of a tile,
and does not when it is shifted by less. A single slice resembles itself less and less the further it is shifted.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.preprocess import robust_range

BOTH = 0.22
ONE = 0.35
"""A sheet repeats itself by at least BOTH down and across, or by at least ONE along one of them. Of 6,000 public slices
none comes above 0.17 and 0.27; of sheets of 3 x 4 or more tiles made of 120 series, 96 % come above."""
_SIDE = 96
_LEAST_OVERLAP = 0.25
"""Of the image's contrast, in the parts that are compared: black margins look alike, wherever they are shifted."""
_TILE = (0.11, 0.62)
"""Smallest and largest shift that is tried, as fractions of the side: nine tiles, and two with a margin."""


def repeats(pixels: NDArray[Any]) -> float:
    """How far an image, (height, width), repeats itself: 1 where it is at the limit for a sheet, more beyond."""
    small = _small(pixels)
    across, down = _strength(small), _strength(np.ascontiguousarray(small.T))
    return max(min(across, down) / BOTH, max(across, down) / ONE)


def _small(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """At most _SIDE on each side, and from 0 to 1."""
    height, width = pixels.shape
    scale = _SIDE / max(height, width)
    size = max(round(width * scale), 8), max(round(height * scale), 8)
    plane = np.asarray(Pillow.fromarray(pixels.astype(np.float32)).resize(size, Pillow.Resampling.BOX))
    low, high = robust_range(plane)
    return np.clip((plane - low) / max(high - low, float(np.finfo(np.float32).tiny)), 0, 1)


def _strength(plane: NDArray[np.float32]) -> float:
    """The highest peak of the correlation of a plane with itself, shifted along its rows, above the lowest before it.

    At most the correlation itself, which is 1 for a pattern that repeats exactly.
    """
    correlation = _correlations(plane)
    width = len(correlation)
    shifts = slice(int(_TILE[0] * width), int(_TILE[1] * width))
    rise = correlation - np.minimum.accumulate(correlation)
    return float(np.minimum(rise, correlation)[shifts].max(initial=0.0))


def _correlations(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of the plane with itself, for each shift along its rows, normalized over the parts that overlap."""
    width = plane.shape[1]
    centered = plane - plane.mean()
    spectrum = np.fft.rfft(centered, 2 * width, axis=1)
    products = np.fft.irfft((np.abs(spectrum) ** 2).sum(axis=0), 2 * width)[:width]
    energy = np.concatenate([[0.0], np.cumsum((centered**2).sum(axis=0))])
    shift = np.arange(width)
    norm = np.sqrt(energy[width - shift] * (energy[width] - energy[shift]))
    least = max(_LEAST_OVERLAP * float(energy[width]), 1e-9)
    return np.asarray(products / np.maximum(norm, least))
