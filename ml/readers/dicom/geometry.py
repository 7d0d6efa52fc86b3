"""Where a slice lies in the patient, and how slices stand in a row.

Order comes from positions along the common normal (PS3.3 C.7.6.2.1.1), never from file names or instance numbers, which
exports renumber. DICOM's axes: x to the patient's left, y to the back, z to the head.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ml.readers.dicom.pixels import groups, items

Vector = NDArray[np.float64]

PARALLEL = 0.999
"""Least cosine between the normals of slices of one stack: 2.6 degrees."""
SAME_POSITION = 0.01
"""Positions nearer than this, in mm, are one."""
_UNEVEN = 0.25  # of the usual distance; more is a gap
_LETTERS = (("R", "L"), ("A", "P"), ("F", "H"))


@dataclass(frozen=True, slots=True)
class SlicePosition:
    """One slice in the patient. position: mm, of the first pixel's center. row, column: unit vectors along which the
    column index and the row index rise."""

    position: tuple[float, float, float]
    row: tuple[float, float, float]
    column: tuple[float, float, float]

    @property
    def normal(self) -> Vector:
        return np.cross(self.row, self.column)

    @property
    def upward_normal(self) -> tuple[float, float, float]:
        """The normal or its opposite, whichever points to the head, the left or the back."""
        return _triple(_upwards(self.normal))

    @property
    def offset(self) -> float:
        """mm along the normal."""
        return float(np.dot(self.position, self.normal))

    @property
    def orientation_letters(self) -> tuple[str, str, str, str]:
        """What lies at the left, right, upper and lower edge: L, R, A, P, H or F, the strongest direction alone."""
        right, below = _letter(np.array(self.row)), _letter(np.array(self.column))
        return _opposite(right), right, _opposite(below), below


@dataclass(frozen=True, slots=True)
class SliceOrder:
    """Slices in their order. order: indices into what was given. spacing: usual distance in mm, None for one slice.
    duplicates: indices left out, as another slice lies in the same place. gaps: number of places where slices are
    missing."""

    order: tuple[int, ...]
    spacing: float | None
    duplicates: tuple[int, ...]
    gaps: int


def slice_position(dataset: Dataset, index: int) -> SlicePosition | None:
    """Of frame `index`; None where the file does not say, or says what is no orientation."""
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
    """mm between rows and between columns of frame `index`, or their ratio where only that is known; None: not said."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"):
        pair = _vector(dataset, index, keyword, 2)
        if pair is not None and (pair > 0).all():
            return float(pair[0]), float(pair[1])
    return None


def order_slices(positions: list[SlicePosition]) -> SliceOrder:
    """Order slices whose normals are parallel, from the feet, the right or the front upwards."""
    normal = _upwards(positions[0].normal)
    along = np.array([np.dot(one.position, normal) for one in positions])
    order = [int(i) for i in np.argsort(along, kind="stable")]
    kept: list[int] = order[:1]
    duplicates: list[int] = []
    for index in order[1:]:
        (duplicates if along[index] - along[kept[-1]] < SAME_POSITION else kept).append(index)
    usual, gaps = spacing_and_gaps([float(along[index]) for index in kept])
    return SliceOrder(tuple(kept), usual, tuple(duplicates), gaps)


def spacing_and_gaps(along: Sequence[float]) -> tuple[float | None, int]:
    """Of rising positions in mm: the usual distance between neighbors, None for one slice, and the number of gaps."""
    distances = np.diff(along)
    usual = float(np.median(distances)) if len(distances) else None
    return usual, int((distances > (1 + _UNEVEN) * usual).sum()) if usual else 0


def parallel(one: SlicePosition, other: SlicePosition) -> bool:
    return bool(abs(np.dot(one.normal, other.normal)) >= PARALLEL)


def _upwards(normal: Vector) -> Vector:
    """The normal or its opposite, whichever has its largest part to the head, the left or the back."""
    return np.asarray(normal * np.sign(normal[np.argmax(np.abs(normal))]))


def _vector(dataset: Dataset, index: int, keyword: str, length: int) -> Vector | None:
    found = None
    for group in groups(dataset, index):
        for sequence in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence"):
            for item in items(group, sequence):
                found = item.get(keyword, found)
    try:
        values = np.array([float(one) for one in (found if found is not None else dataset.get(keyword))])
    except Exception:  # absent, or text where numbers must be
        return None
    return values if len(values) == length and np.isfinite(values).all() else None


def _triple(vector: Vector) -> tuple[float, float, float]:
    return float(vector[0]), float(vector[1]), float(vector[2])


def _letter(direction: Vector) -> str:
    axis = int(np.argmax(np.abs(direction)))
    return _LETTERS[axis][int(direction[axis] > 0)]


def _opposite(letter: str) -> str:
    pair = next(pair for pair in _LETTERS if letter in pair)
    return pair[1 - pair.index(letter)]
