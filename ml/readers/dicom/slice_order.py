"""How slices form a stack: which are parallel, which share a position, their viewing order, spacing and gaps.

All rules on a series' order are here: `ml.readers.dicom.series` applies them to files read together, and the app to
slices that are uploaded one by one. The order follows positions along the common normal (PS3.3, C.7.6.2.1.1), never
file names or instance numbers, because exports renumber those.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ml.readers.dicom.geometry import SlicePosition

MIN_COSINE = 0.999
"""Between the normals of slices of one stack: they differ by at most 2.6 degrees."""
SAME_POSITION = 0.01
"""mm. Slices closer than this have the same position."""
_GAP = 1.25
"""Distances larger than the usual one by this factor are gaps."""


@dataclass(frozen=True, slots=True)
class SliceOrder:
    """The viewing order of slices.

    order: their indices. spacing: usual distance in mm, None for a single slice. duplicates: indices left out, because
    another slice has the same position. gaps: number of positions at which slices are missing.
    """

    order: tuple[int, ...]
    spacing: float | None
    duplicates: tuple[int, ...]
    gaps: int


def is_parallel(normal: ArrayLike, other: ArrayLike) -> bool:
    """Whether slices with these (3,) unit normals may belong to one stack."""
    return bool(abs(np.dot(normal, other)) >= MIN_COSINE)


def offset_along(normal: ArrayLike, position: SlicePosition) -> float:
    """mm of a slice's position along the (3,) unit normal of its stack."""
    return float(np.dot(position.position, normal))


def order_slices(positions: Sequence[SlicePosition]) -> SliceOrder:
    """Order parallel slices from the feet, the right or the front upwards."""
    normal = positions[0].upward_normal
    offsets = [offset_along(normal, one) for one in positions]
    order = viewing_order(offsets)
    kept: list[int] = order[:1]
    duplicates: list[int] = []
    for index in order[1:]:
        (duplicates if offsets[index] - offsets[kept[-1]] < SAME_POSITION else kept).append(index)
    spacing, gaps = spacing_and_gaps([offsets[index] for index in kept])
    return SliceOrder(tuple(kept), spacing, tuple(duplicates), gaps)


def viewing_order(offsets: Sequence[float]) -> list[int]:
    """Indices by rising offset along the upward normal; slices with equal offsets keep their order."""
    return [int(index) for index in np.argsort(offsets, kind="stable")]


def spacing_and_gaps(offsets: Sequence[float]) -> tuple[float | None, int]:
    """Of rising offsets in mm: the usual distance (None for a single slice), and the number of gaps."""
    distances = np.diff(offsets)
    usual = float(np.median(distances)) if len(distances) else None
    return usual, int((distances > _GAP * usual).sum()) if usual else 0


def gaps_note(gaps: int) -> tuple[str, ...]:
    """A sentence on missing slices, if there are any."""
    return (f"Slices are missing in {gaps} {'place' if gaps == 1 else 'places'}.",) if gaps else ()
