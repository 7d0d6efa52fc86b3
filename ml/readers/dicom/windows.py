"""Windows and VOI LUTs: which gray values the file says are to be seen (PS3.3, C.11.2).

One that cannot be used, or that leaves next to nothing but black and white, is replaced by the full range, and the
route says so.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ml.readers.dicom import lookup_tables
from ml.readers.dicom.attributes import items, numbers, text_value
from ml.readers.values import Window

Plane = NDArray[Any]

FULL_RANGE = "full range"
"""Begins the step of an image to which no window was applied."""
_SHADES = 0.005
"""Smallest fraction of the pixels that a window must show as more than black or white. In slices it is above 0.1."""


def apply(values: Plane, attributes: Dataset, window: int | None) -> tuple[Plane, tuple[str, ...]]:
    """The gray values through a window or VOI LUT, and the step taken; a window gives 0 to 1.

    values: after the modality LUT. window: which of the file's; None for the full range.
    """
    if window is None:
        return values, (FULL_RANGE,)
    if items(attributes, "VOILUTSequence"):
        return _through_lut(values, attributes, window)
    centers, widths = numbers(attributes, "WindowCenter"), numbers(attributes, "WindowWidth")
    if not centers or len(centers) != len(widths):
        return values, (f"{FULL_RANGE}; the file has no window",)
    chosen = min(window, len(centers) - 1)
    center, width = centers[chosen], widths[chosen]
    function = text_value(attributes, "VOILUTFunction").upper() or "LINEAR"
    smallest_allowed = width > 0 if function in ("LINEAR_EXACT", "SIGMOID") else width >= 1
    if not smallest_allowed or not np.isfinite([center, width]).all():
        return values, (f"{FULL_RANGE}; the window in the file is unusable",)
    shown = _windowed(values, center, width, function)
    if np.mean((shown > _SHADES) & (shown < 1 - _SHADES)) < _SHADES:
        return values, (f"{FULL_RANGE}; the window in the file shows nothing",)
    return shown, (f"window {chosen + 1} of {len(centers)}",)


def linear(values: Plane, attributes: Dataset) -> tuple[Window, ...]:
    """The usable windows of the file, each with the lowest and the highest value that it shows.

    A sigmoid is given by the straight line through its center. VOI LUTs have no such bounds and are left out.
    """
    centers, widths = numbers(attributes, "WindowCenter"), numbers(attributes, "WindowWidth")
    if len(centers) != len(widths) or not np.isfinite([*centers, *widths]).all():
        return ()
    exact = text_value(attributes, "VOILUTFunction").upper() in ("LINEAR_EXACT", "SIGMOID")
    found = []
    for center, width in zip(centers, widths, strict=True):
        middle, span = (center, width) if exact else (center - 0.5, width - 1)
        low, high = middle - span / 2, middle + span / 2
        if span > 0 and np.mean((values > low) & (values < high)) >= _SHADES:
            found.append((low, high, center, width))
    return tuple(found)


def _through_lut(values: Plane, attributes: Dataset, window: int) -> tuple[Plane, tuple[str, ...]]:
    try:
        chosen = min(window, len(attributes.VOILUTSequence) - 1)
        shown = lookup_tables.through(values, attributes.VOILUTSequence[chosen])
    except Exception:  # gray values keep their order without it
        return values, (f"{FULL_RANGE}; the VOI LUT in the file is unusable",)
    if np.ptp(shown) == 0:
        return values, (f"{FULL_RANGE}; the VOI LUT in the file shows nothing",)
    return shown, (f"VOI LUT {chosen + 1}",)


def _windowed(values: Plane, center: float, width: float, function: str) -> Plane:
    """Gray values windowed to 0..1 (PS3.3, C.11.2.1.2 and C.11.2.1.3)."""
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -60, 60))))
    if function == "LINEAR_EXACT":
        return np.asarray(np.clip((values - center) / width + 0.5, 0, 1))
    if width == 1:  # a threshold: the formula would divide by 0
        return np.asarray(values > center - 0.5, np.float64)
    return np.asarray(np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1))
