"""Where slices lie along the normal of their stack: parallel ones, shared locations, order and spacing.

The order follows positions along the common normal (PS3.3, C.7.6.2.1.1), never file names or instance numbers, because
exports renumber those. `ml.readers.dicom.series` forms the stacks.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.readers import gaps
from ml.readers.dicom.geometry import SlicePosition

MIN_COSINE = 0.999
"""Between the normals of slices of one stack: they differ by at most 2.6 degrees."""
_SAME_ORIENTATION = 0.9
"""Between the rows, and between the columns, of slices of one stack: at most 26 degrees of turn in their plane. Beyond
it the stack's letters, which are those of its first slice, would be wrong for others."""
SAME_POSITION = 0.01
"""mm. Slices closer than this have the same position."""
_NEAR = 0.1
"""Fraction of their thickness within which slices lie at the same location, if it is also one of the next distance:
between the parts of a series, a scanner that follows the head moves its slices a little, and programs round."""
_REGULAR = 0.25
"""A distance is a multiple of the usual one if it differs from it by at most this fraction of the usual one."""


def parallel(normal: ArrayLike, others: ArrayLike) -> list[int]:
    """Which of the (n, 3) unit normals may belong to one stack with the (3,) one, as rising indices."""
    cosines = np.reshape(np.asarray(others, np.float64), (-1, 3)) @ np.asarray(normal, np.float64)
    return [int(index) for index in np.flatnonzero(np.abs(cosines) >= MIN_COSINE)]


def is_turned_alike(one: SlicePosition, other: SlicePosition) -> bool:
    """Whether the right and lower edges of two parallel slices point the same way in the patient."""
    return bool(min(np.dot(one.row, other.row), np.dot(one.column, other.column)) >= _SAME_ORIENTATION)


def offset_along(normal: ArrayLike, position: SlicePosition) -> float:
    """mm of a slice's position along the (3,) unit normal of its stack."""
    return float(np.dot(position.position, normal))


def viewing_order(offsets: Sequence[float]) -> list[int]:
    """Indices by rising offset along the upward normal; slices with equal offsets keep their order."""
    return [int(index) for index in np.argsort(offsets, kind="stable")]


def locations(offsets: Sequence[float], *, thickness: float | None = None) -> list[int]:
    """A number for each slice, from 0 upwards, equal for slices at the same position. thickness: of a slice in mm."""
    order = viewing_order(offsets)
    distances = np.diff([offsets[index] for index in order], prepend=offsets[order[0]])
    found = [0] * len(order)
    for index, location in zip(order, np.cumsum(distances >= _limit(distances[1:], thickness)), strict=True):
        found[index] = int(location)
    return found


def _limit(distances: NDArray[np.float64], thickness: float | None) -> float:
    """mm from which on slices lie at two locations."""
    limit = _NEAR * (thickness or 0)
    near, far = distances[distances < limit], distances[distances >= limit]
    if not len(near) or not len(far) or near.max() > _NEAR * far.min():
        return SAME_POSITION
    runs = np.split(distances, np.flatnonzero(distances >= limit))  # slabs that overlap wander on from one to the next
    return limit if all(run[run < limit].sum() < limit for run in runs) else SAME_POSITION


def usual_spacing(offsets: Sequence[float]) -> float | None:
    """The median distance of rising offsets in mm, None for a single slice."""
    return float(np.median(np.diff(offsets))) if len(offsets) > 1 else None


def spacing_notes(offsets: Sequence[float]) -> tuple[str, ...]:
    """A sentence if slices are missing, or if the distances between rising offsets (mm) vary.

    Where slices are missing, a distance is a multiple of the usual one; any other distance means that spacing varies.
    """
    usual = usual_spacing(offsets)
    if not usual:
        return ()
    distances = np.diff(offsets)
    multiples = np.rint(distances / usual)
    if (np.abs(distances / usual - multiples) > _REGULAR).any() or (multiples < 1).any():
        return (f"{gaps.VARIES} from {distances.min():.3g} to {distances.max():.3g} mm between slices.",)
    holes = int((multiples > 1).sum())
    return (f"{gaps.MISSING} {holes} {'place' if holes == 1 else 'places'}.",) if holes else ()
