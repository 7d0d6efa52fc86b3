"""The only transform from a decoded image to the network's input; training and serving both use it.

Steps: crop to the head with a margin, stretch intensities robustly, pad to a square, resize to 224 × 224. `Geometry`
records the steps, so that points in the network's input can be mapped back to the original image.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.contracts import Image

VERSION = "head-crop-1"
"""Change this whenever the network would get different numbers; it is part of a model's identity."""

SIZE = 224
"""Side of the network's input in pixels (Simonyan & Zisserman 2014)."""

CHANNEL_MEANS_BGR = (103.939, 116.779, 123.68)
"""ImageNet means of the blue, green and red channels that VGG16 was trained with (Simonyan & Zisserman 2014)."""

_MARGIN = 0.04  # of the head's longer side, so that the skull is not cut off
_FOREGROUND = 0.10  # smallest difference from the background, as a fraction of the robust intensity range
_LINE_FRACTION = 0.02  # of a row or column that must be foreground, so that labels and specks do not widen the crop
_SMALLEST_CROP = 0.2  # of either side; a smaller box is noise, so the whole image is kept
_LOW, _HIGH = 0.5, 99.5  # percentiles that become black and white


@dataclass(frozen=True, slots=True)
class Geometry:
    """How the square input relates to the original file: crop, padding, EXIF orientation.

    x0, y0: top left corner of the crop in the upright image. side: of the padded square.
    pad_x, pad_y: black border to the left of and above the crop. width, height: of the upright image. All in pixels.
    orientation: EXIF orientation tag of the file, 1 to 8.
    """

    x0: int
    y0: int
    side: int
    pad_x: int
    pad_y: int
    width: int
    height: int
    orientation: int

    def to_original(self, x: float, y: float) -> tuple[float, float]:
        """Map a point from fractions of the input square to fractions of the stored image, clipped to 0 to 1."""
        upright_x = (x * self.side - self.pad_x + self.x0) / self.width
        upright_y = (y * self.side - self.pad_y + self.y0) / self.height
        u, v = min(max(upright_x, 0.0), 1.0), min(max(upright_y, 0.0), 1.0)
        return _UNDO_ORIENTATION[self.orientation](u, v)

    def from_upright(self, x: float, y: float) -> tuple[float, float]:
        """Map a point from fractions of the upright image to fractions of the input square; it may lie outside."""
        return (x * self.width + self.pad_x - self.x0) / self.side, (y * self.height + self.pad_y - self.y0) / self.side

    def square(self) -> tuple[float, float, float, float]:
        """The input square (x0, y0, x1, y1) in fractions of the upright image; beyond 0 to 1 where it is padding."""
        left, top = self.x0 - self.pad_x, self.y0 - self.pad_y
        right, bottom = left + self.side, top + self.side
        return left / self.width, top / self.height, right / self.width, bottom / self.height


# EXIF 2.32, tag 0x0112: maps a point of the upright image to the stored one.
_UNDO_ORIENTATION = {
    1: lambda u, v: (u, v),
    2: lambda u, v: (1 - u, v),
    3: lambda u, v: (1 - u, 1 - v),
    4: lambda u, v: (u, 1 - v),
    5: lambda u, v: (v, u),
    6: lambda u, v: (v, 1 - u),
    7: lambda u, v: (1 - v, 1 - u),
    8: lambda u, v: (1 - v, u),
}


def preprocess(image: Image) -> tuple[NDArray[np.float32], Geometry]:
    """Turn an image into the network's square, (224, 224) float32 from 0 to 255, and record the geometry.

    Pure and deterministic. Never raises on a decoded image; a constant image gives a constant square.
    """
    height, width = image.pixels.shape
    plane = image.pixels.astype(np.float32)
    if image.pixels.dtype.kind == "f":  # any unit: scale to at most 1 before comparing
        plane /= max(float(np.abs(plane).max()), float(np.finfo(np.float32).tiny))
    levels = image.pixels if image.pixels.dtype == np.uint8 else plane  # same values; bytes are faster to rank
    low, high = robust_range(levels)
    x0, y0, x1, y1 = _head_box(plane, high - low)
    crop = plane[y0:y1, x0:x1]
    low, high = robust_range(levels[y0:y1, x0:x1])
    crop = np.clip((crop - low) / max(high - low, 1e-6), 0.0, 1.0) * np.float32(255)
    side = max(crop.shape)
    pad_y, pad_x = (side - crop.shape[0]) // 2, (side - crop.shape[1]) // 2
    square = np.zeros((side, side), np.float32)
    square[pad_y : pad_y + crop.shape[0], pad_x : pad_x + crop.shape[1]] = crop
    resized = Pillow.fromarray(square).resize((SIZE, SIZE), Pillow.Resampling.BILINEAR)
    geometry = Geometry(
        x0=x0, y0=y0, side=side, pad_x=pad_x, pad_y=pad_y, width=width, height=height, orientation=image.orientation
    )
    return np.array(resized, np.float32), geometry


def to_network(squares: NDArray[np.float32]) -> NDArray[np.float32]:
    """VGG16's input (N, 224, 224, 3) from squares (N, 224, 224), 0 to 255: gray as B, G and R, minus the means."""
    return squares[..., None] - np.asarray(CHANNEL_MEANS_BGR, np.float32)


def robust_range(plane: NDArray[Any]) -> tuple[float, float]:
    """The 0.5th and 99.5th percentiles of a plane, from at most about 65,000 evenly spaced pixels."""
    step = max(1, int(np.sqrt(plane.size / 65_536)))
    sample = plane[::step, ::step]
    if sample.dtype == np.uint8:
        return _byte_percentile(sample, _LOW), _byte_percentile(sample, _HIGH)
    low, high = np.percentile(sample, (_LOW, _HIGH))
    return float(low), float(high)


def _byte_percentile(levels: NDArray[np.uint8], percent: float) -> float:
    """np.percentile to the last bit, in a tenth of its time: a histogram replaces the sort."""
    rank = (levels.size - 1) * (percent / 100)
    below = int(rank)
    cumulative = np.cumsum(np.bincount(levels.ravel(), minlength=256))
    lower, upper = np.searchsorted(cumulative, (below, min(below + 1, levels.size - 1)), side="right")
    fraction, step = rank - below, float(upper - lower)
    return float(lower + step * fraction if fraction < 0.5 else upper - step * (1 - fraction))


def _head_box(plane: NDArray[np.float32], spread: float) -> tuple[int, int, int, int]:
    """Crop box (x0, y0, x1, y1) around everything that differs from the border's gray level, with a margin."""
    height, width = plane.shape
    whole = (0, 0, width, height)
    if spread <= 0:
        return whole
    border = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
    foreground = np.abs(plane - np.median(border)) > _FOREGROUND * spread
    rows = np.flatnonzero(np.count_nonzero(foreground, axis=1) / width > _LINE_FRACTION)
    columns = np.flatnonzero(np.count_nonzero(foreground, axis=0) / height > _LINE_FRACTION)
    if not len(rows) or not len(columns):
        return whole
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    if y1 - y0 < _SMALLEST_CROP * height or x1 - x0 < _SMALLEST_CROP * width:
        return whole
    margin = round(_MARGIN * max(y1 - y0, x1 - x0))
    return max(x0 - margin, 0), max(y0 - margin, 0), min(x1 + margin, width), min(y1 + margin, height)
