"""Gray values that are no signal: padding far below the image, hot pixels and burned-in marks far beyond it.

Everything downstream scales by the range of the pixels: the network's stretch, previews, the check for blank images,
the search for burned-in text. One value far outside would reduce the head to a single shade. So readers clip such
values to the range of the others, once, before anything is scaled. Pixels that a window has scaled need none of this.

Tissue is safe: no tissue lies ten ranges of all other pixels away from them without a pixel between. Of 1,400 slices
of the data tables, made 16 bits deep, cut to a zero background, with noise, or standardized to mean 0 and deviation 1,
two change, by one pixel each.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

NOTE = "Values far outside the others (padding, hot pixels) were brought to the edge of the others."
"""For the notes of an image of which `without_outliers` changed something."""

_FAR = 10.0
"""Ranges of the other pixels that must lie, empty, between these and an outlier."""
_BRIGHT, _TOGETHER = 5.0, 2
"""Ranges beyond the other pixels from which one alone, or two together, are hot without a gap: no structure is so small
and so bright."""
_FEW = 0.02
"""Fraction of the pixels up to which values at one end are hot pixels; one value with more of them is padding."""
_INNER = (5.0, 99.0)
"""Percentiles of the pixels that are no padding between which their range is taken: resampling leaves some values
halfway to the padding along its edge."""
_SAMPLE = 65_536


def without_outliers(plane: NDArray[Any]) -> NDArray[Any]:
    """The plane, of the same type, with outliers at the edge of the other values; itself if it has none.

    plane: (height, width), finite. Bytes are returned as they are: 256 levels leave no room for outliers.

    Padding is one value, at either end, that more than 2% of the pixels have and that 10 ranges of the others separate
    from them; or a negative one where the others are not negative, as in magnitudes. High padding turns dark where it
    fills the image's border; elsewhere it is a mark, and stays bright.
    Hot pixels are up to 2%, at either end, beyond a gap of 10 ranges; or one or two together, 5 ranges beyond the
    others. Each becomes the median of its surroundings after all were brought to the edge of the others, so specks and
    lines vanish, and letters stay bright.
    """
    if plane.dtype == np.uint8 or not plane.size:
        return plane
    inside = _without_high_padding(_without_low_padding(plane))
    low, high = (float(value) for value in np.percentile(_sample(inside), (100 * _FEW, 100 - 100 * _FEW)))
    if high == low:
        return inside
    top = _edge(inside[inside >= high], _FAR * (high - low))
    bottom = -_edge(-inside[inside <= low].astype(np.float64), _FAR * (high - low))
    specks = _isolated(inside > high + _BRIGHT * (high - low)) | _isolated(inside < low - _BRIGHT * (high - low))
    hot = np.nonzero(specks | (inside > top) | (inside < bottom))
    if not len(hot[0]):
        return inside
    clipped: NDArray[Any] = np.clip(inside, *np.array([bottom, top]).astype(plane.dtype))
    clipped[hot] = np.median(_around(clipped, *hot), axis=1).astype(plane.dtype)
    return clipped


def _isolated(beyond: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Those of the pixels with at most one other around them."""
    lonely = beyond.copy()
    at = np.nonzero(beyond)
    lonely[at] = _around(beyond, *at).sum(axis=1) <= _TOGETHER
    return lonely


def _around(plane: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
    """(n, 9): each of these pixels and its eight neighbors."""
    down, right = (offsets.ravel() for offsets in np.mgrid[-1:2, -1:2])
    height, width = plane.shape
    around: NDArray[Any] = plane[
        np.clip(rows[:, None] + down, 0, height - 1), np.clip(columns[:, None] + right, 0, width - 1)
    ]
    return around


def _edge(tail: NDArray[Any], gap: float) -> float:
    """The largest value of a tail below its lowest gap of that width."""
    ordered = np.unique(tail.astype(np.float64))
    gaps = np.flatnonzero(np.diff(ordered) > gap)
    return float(ordered[gaps[0]] if len(gaps) else ordered[-1])


def _without_low_padding(plane: NDArray[Any]) -> NDArray[Any]:
    value = plane.min()
    padding = plane == value
    if not _FEW < padding.mean() < 1:
        return plane
    others = plane[~padding].astype(np.float64)
    low, high = np.percentile(others, _INNER)
    if high > low and low - float(value) > _FAR * (high - low):
        others = others[others >= low - (high - low)]
    elif not value < 0 <= low:
        return plane
    filled: NDArray[Any] = np.maximum(plane, others.min().astype(plane.dtype))
    return filled


def _without_high_padding(plane: NDArray[Any]) -> NDArray[Any]:
    value = plane.max()
    padding = plane == value
    if not _FEW < padding.mean() < 1:
        return plane
    others = plane[~padding].astype(np.float64)
    low, high = np.percentile(others, (100 - _INNER[1], 100 - _INNER[0]))
    if high == low or float(value) - high <= _FAR * (high - low):
        return plane
    kept = others[others <= high + (high - low)]
    border = np.concatenate([padding[0], padding[-1], padding[:, 0], padding[:, -1]])
    shown = kept.min() if border.mean() > 0.5 else kept.max()
    return np.where(plane > kept.max(), shown.astype(plane.dtype), plane)


def _sample(plane: NDArray[Any]) -> NDArray[Any]:
    step = max(1, int(np.sqrt(plane.size / _SAMPLE)))
    return plane[::step, ::step]
