"""Images with more than 8 bits a channel, as one gray image of the same depth.

Pillow has no mode for more than one such channel. A slice saved as 16-bit RGB is gray all the same, and its 12 bits of
signal would lose 8 if only the upper byte of each channel were kept.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.contracts import UnreadableImage
from ml.readers import color

_LARGEST = 1e30
"""Largest magnitude of a floating-point pixel; sums and differences of larger ones overflow float32. What lies beyond
(the largest float as a mark for "no data", infinities) is no gray value."""
_OFFSET = 4096
"""A range this many times smaller than the values themselves would lose gray levels in float32, whose 24 bits hold the
values; so these are counted from the lowest one."""
NOT_FINITE = "Pixels that are no number were taken as background."


def image(
    colors: Sequence[NDArray[Any]], opacity: NDArray[Any] | None, *, bits: int
) -> tuple[Pillow.Image, tuple[str, ...]]:
    """One gray channel or three colors, and how opaque each pixel is, as one image, and notes on how it came about.

    bits: of a sample; the largest unsigned one is white. Transparency is laid over black. The mode is L, I;16 or F, or
    RGB for an image in color, whose brightest channel becomes 255.

    Raises UnreadableImage with code `not_finite` if no pixel is a usable number.
    """
    finite = [_finite(one) for one in colors]
    notes = () if all(after is before for after, before in zip(finite, colors, strict=True)) else (NOT_FINITE,)
    if opacity is not None:
        finite = [_like(one, one * (_finite(opacity) / _largest(opacity, bits))) for one in finite]
    if len(finite) == 1:
        return _gray(finite[0]), notes
    seen = _eight_bits(finite)
    if color.measure(seen) != color.NONE:
        return seen, notes
    red, green, blue = (one.astype(np.float64) for one in finite)
    return _gray(_like(finite[0], 0.299 * red + 0.587 * green + 0.114 * blue)), notes  # ITU-R BT.601, as Pillow's L


def _finite(plane: NDArray[Any]) -> NDArray[Any]:
    """The plane, or one in which what is no usable number has the lowest value of the others (as in NIfTI volumes)."""
    if plane.dtype.kind != "f":
        return plane
    with np.errstate(invalid="ignore"):
        usable = np.abs(plane) < min(_LARGEST, float(np.finfo(plane.dtype).max))  # False for NaN
    if usable.all():
        return plane
    if not usable.any():
        raise UnreadableImage("not_finite", "The file holds pixels that are no usable numbers.")
    return np.where(usable, plane, plane[usable].min())


def _gray(plane: NDArray[Any]) -> Pillow.Image:
    if plane.dtype == np.uint8:
        return Pillow.fromarray(np.ascontiguousarray(plane))
    if plane.dtype.kind == "u" and plane.dtype.itemsize == 2:
        return Pillow.fromarray(np.ascontiguousarray(plane))
    if plane.dtype.itemsize > 4 or plane.dtype.kind in "ui":
        low, high = float(plane.min()), float(plane.max())
        if high - low < max(abs(low), abs(high)) / _OFFSET:
            plane = plane - plane.min()
    return Pillow.fromarray(np.ascontiguousarray(plane, np.float32))


def _eight_bits(colors: Sequence[NDArray[Any]]) -> Pillow.Image:
    planes = [one.astype(np.float32) for one in colors]
    low = min(0.0, *(float(one.min()) for one in planes))
    peak = max(float(one.max()) for one in planes) - low
    scaled = [((one - low) * (255 / peak if peak > 0 else 0)).round().astype(np.uint8) for one in planes]
    return Pillow.fromarray(np.stack(scaled, axis=2))


def _largest(plane: NDArray[Any], bits: int) -> float:
    return float(2**bits - 1) if plane.dtype.kind == "u" else max(float(np.nanmax(plane)), 1e-30)


def _like(plane: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """`values` in the plane's type, rounded if that holds whole numbers."""
    return values.round().astype(plane.dtype) if plane.dtype.kind in "ui" else values.astype(plane.dtype)
