"""Position, orientation and pixel spacing of a slice, as its DICOM header gives them.

Coordinates are the patient's: x rises to the left, y to the back, z to the head (PS3.3, C.7.6.2.1.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ml.readers import orientation
from ml.readers.aspect import plausible
from ml.readers.dicom.attributes import groups, items

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SlicePosition:
    """A slice in the patient.

    position: of the first pixel's center, mm. row, column: unit vectors along which the column index and the row index
    rise.
    """

    position: tuple[float, float, float]
    row: tuple[float, float, float]
    column: tuple[float, float, float]

    @property
    def normal(self) -> Vector:
        """(3,) unit vector across the slice."""
        return np.cross(self.row, self.column)

    @property
    def upward_normal(self) -> tuple[float, float, float]:
        """The normal or its opposite, whichever has its largest component to the head, the left or the back."""
        return _upward(self.row, self.column)

    @property
    def offset(self) -> float:
        """mm along the normal."""
        return float(np.dot(self.position, self.normal))

    @property
    def orientation_letters(self) -> tuple[str, str, str, str]:
        """Letters for what lies at the left, right, upper and lower edge: L, R, A, P, H or F."""
        return orientation.edge_letters(self.row, self.column)


@lru_cache(maxsize=1024)  # the slices of a stack share their directions
def _upward(row: tuple[float, float, float], column: tuple[float, float, float]) -> tuple[float, float, float]:
    normal = np.cross(row, column)
    return _triple(normal * np.sign(normal[np.argmax(np.abs(normal))]))


def lying_at(normal: Sequence[float], offset: float) -> SlicePosition:
    """A slice of which only the (3,) unit normal and the offset along it, in mm, are known."""
    across = np.array(normal, np.float64)
    helper = np.eye(3)[np.argmin(np.abs(across))]
    row = np.cross(helper, across)
    row /= np.linalg.norm(row)
    return SlicePosition(_triple(across * offset), _triple(row), _triple(np.cross(across, row)))


def slice_position(dataset: Dataset, index: int) -> SlicePosition | None:
    """The position of frame `index`; None if the file does not give it or gives no valid orientation."""
    position = _vector(dataset, index, "ImagePositionPatient", 3)
    directions = _vector(dataset, index, "ImageOrientationPatient", 6)
    if position is None or directions is None:
        return None
    row, column = directions[:3], directions[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.5 or abs(np.dot(row, column)) > 0.05 * lengths[0] * lengths[1]:
        return None
    return SlicePosition(_triple(position), _triple(row / lengths[0]), _triple(column / lengths[1]))


def pixel_spacing(dataset: Dataset, index: int) -> tuple[float, float] | None:
    """mm between rows and between columns of frame `index`, or only their ratio if that is all there is; else None."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"):
        pair = _vector(dataset, index, keyword, 2)
        if pair is not None and (pair > 0).all():
            return float(pair[0]), float(pair[1])
    return None


def millimeters(dataset: Dataset, index: int) -> tuple[float, float] | None:
    """Height and width of a pixel of frame `index` in the patient; None unless Pixel Spacing (0028,0030) says so.

    Imager Pixel Spacing and its like are distances on a detector or on paper (PS3.3, 10.7.1.3).
    """
    pair = _vector(dataset, index, "PixelSpacing", 2)
    if pair is None or not (pair > 0).all() or not plausible((float(pair[0]), float(pair[1]))):
        return None
    return float(pair[0]), float(pair[1])


def _vector(dataset: Dataset, index: int, keyword: str, length: int) -> Vector | None:
    """An attribute as a vector, from the functional groups of an enhanced object or from the dataset itself."""
    value = None
    for group in groups(dataset, index):
        for sequence in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence"):
            for item in items(group, sequence):
                value = item.get(keyword, value)
    try:
        numbers = np.array([float(one) for one in (value if value is not None else dataset.get(keyword))])
    except Exception:  # absent, or text where numbers must be
        return None
    return numbers if len(numbers) == length and np.isfinite(numbers).all() else None


def _triple(vector: Vector) -> tuple[float, float, float]:
    return float(vector[0]), float(vector[1]), float(vector[2])
