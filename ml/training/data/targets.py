"""Where the tumor lies on the network's square and on its 14 × 14 cells: the targets of the evidence map.

The corners of a box are mostly healthy tissue. So a box counts as tumor inside its inscribed ellipse, and its corners
are left out of the loss, as is a rim of one cell around every tumor.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.model.heads import CELLS
from ml.preprocess import SIZE, Geometry
from ml.training.data.table import Row

VERSION = 1
"""Part of the key of cached cells: to be raised whenever the targets of an image would change."""

HEALTHY, TUMOR, IGNORED = 0, 1, 2
"""Values of a region, (224, 224) uint8."""

NEGATIVE, POSITIVE, UNKNOWN, BESIDE = 0, 1, -1, -2
"""Values of a cell, (14, 14) int8. UNKNOWN: partly tumor, or nothing is known. BESIDE: healthy, in the rim around a
tumor; not used as healthy tissue, but evidence there counts as misplaced."""

_INSIDE = 0.5  # fraction of a cell that must be tumor for it to be positive
_SMALLEST = 0.75 / SIZE  # semi-axis of an ellipse, so that it always contains a pixel's center


def region(row: Row, geometry: Geometry) -> NDArray[np.uint8]:
    """(224, 224) on the network's square: HEALTHY, TUMOR or IGNORED.

    All IGNORED if the tumor's location is unknown or outside the square. Raises OSError if the mask cannot be read.
    """
    if not row.tumor:
        return np.full((SIZE, SIZE), HEALTHY, np.uint8)
    marked = np.full((SIZE, SIZE), IGNORED, np.uint8)
    if row.mask is not None:
        marked = _from_mask(row, geometry)
    elif row.boxes:
        marked = _from_boxes(row, geometry)
    return marked if (marked == TUMOR).any() else np.full((SIZE, SIZE), IGNORED, np.uint8)


def cells(marked: NDArray[np.uint8]) -> NDArray[np.int8]:
    """(14, 14) targets of a region: POSITIVE, NEGATIVE, UNKNOWN or BESIDE.

    If no cell is half covered, the cell that holds most of the tumor is positive.
    """
    tumor = _fraction(marked == TUMOR)
    touched = _fraction(marked != HEALTHY) > 0
    result = np.where(touched, UNKNOWN, np.where(_dilate(touched), BESIDE, NEGATIVE)).astype(np.int8)
    inside = tumor >= _INSIDE
    if not inside.any() and tumor.any():
        inside = tumor == tumor.max()
    result[inside] = POSITIVE
    return result


def _from_mask(row: Row, geometry: Geometry) -> NDArray[np.uint8]:
    with Pillow.open(str(row.mask)) as file:
        mask = file.convert("L").resize((geometry.width, geometry.height), Pillow.Resampling.NEAREST)
    left, top = geometry.x0 - geometry.pad_x, geometry.y0 - geometry.pad_y
    extent = (left, top, left + geometry.side, top + geometry.side)
    square = mask.transform((SIZE, SIZE), Pillow.Transform.EXTENT, extent, Pillow.Resampling.NEAREST, fillcolor=0)
    tumor = np.asarray(square) > 127
    if not tumor.any():  # too small for the square's pixels: take the pixel that holds most of it
        fraction = np.asarray(mask.convert("F").crop(extent).resize((SIZE, SIZE), Pillow.Resampling.BOX))
        tumor = (fraction == fraction.max()) & (fraction > 0)
    return tumor.astype(np.uint8) * np.uint8(TUMOR)


def _from_boxes(row: Row, geometry: Geometry) -> NDArray[np.uint8]:
    marked = np.full((SIZE, SIZE), HEALTHY, np.uint8)
    y, x = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE
    ellipses = np.zeros((SIZE, SIZE), bool)
    for box in row.boxes:
        x0, y0 = geometry.from_upright(box[0], box[1])
        x1, y1 = geometry.from_upright(box[2], box[3])
        marked[(x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)] = IGNORED
        across, down = max((x1 - x0) / 2, _SMALLEST), max((y1 - y0) / 2, _SMALLEST)
        ellipses |= np.hypot((x - (x0 + x1) / 2) / across, (y - (y0 + y1) / 2) / down) <= 1
    marked[ellipses] = TUMOR
    return marked


def _fraction(marked: NDArray[np.bool_]) -> NDArray[np.float64]:
    side = SIZE // CELLS
    return np.asarray(marked.reshape(CELLS, side, CELLS, side).mean(axis=(1, 3)))


def _dilate(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(marked, 1)
    near = [padded[i : i + CELLS, j : j + CELLS] for i in range(3) for j in range(3)]
    return np.asarray(np.any(near, axis=0))
