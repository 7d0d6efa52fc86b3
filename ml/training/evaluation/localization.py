"""Is the evidence on the tumor? Compares the hottest point and the box with the boxes and masks of the data table.

Coordinates are fractions of the stored image's width and height, as in the table and in `ml.contracts.Evidence`. A mask
is stricter than a box, whose corners are mostly healthy tissue.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.contracts import Evidence
from ml.training.data.table import Row

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Localization:
    """How well the evidence of one row localizes the tumor. None if there is no tumor, or its location is unknown.

    in_any: the hottest point lies in a box or in the mask. in_mask: in the mask. overlap: intersection over union of
    the evidence's box with the best of the row's boxes, 0 without an evidence box.
    """

    in_any: bool | None = None
    in_mask: bool | None = None
    overlap: float | None = None


def localize(row: Row, evidence: Evidence | None) -> Localization:
    """The localization of one row. Raises OSError if its mask cannot be read."""
    if not row.tumor or evidence is None or not (row.boxes or row.mask):
        return Localization()
    mask = read_mask(row)
    in_mask = None if mask is None else bool(mask[_pixel(evidence.peak, mask.shape)])
    x, y = evidence.peak
    in_box = any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in row.boxes)
    boxes = row.boxes or ((bounding_box(mask),) if mask is not None and mask.any() else ())
    overlap = max((iou(evidence.box, box) for box in boxes), default=0.0) if evidence.box else 0.0
    return Localization(in_any=in_box or bool(in_mask), in_mask=in_mask, overlap=overlap)


def read_mask(row: Row) -> NDArray[np.bool_] | None:
    """(height, width) the row's mask, true where the tumor is; None if the table names none."""
    if row.mask is None:
        return None
    with Pillow.open(row.mask) as file:
        return np.asarray(file.convert("L")) > 127


def bounding_box(mask: NDArray[np.bool_]) -> Box:
    """The smallest box around the pixels of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    return columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes; 0 if both are empty."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0.0) * max(height, 0.0)
    union = _area(one) + _area(other) - common
    return float(common / union) if union > 0 else 0.0


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _pixel(point: tuple[float, float], shape: tuple[int, ...]) -> tuple[int, int]:
    """Row and column of the pixel at a point; 1.0 is in the last one."""
    height, width = shape
    return min(int(point[1] * height), height - 1), min(int(point[0] * width), width - 1)
