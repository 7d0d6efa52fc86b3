"""Which way an image shows the patient, in letters: R, L, A, P, H and F for right, left, front, back, head and feet.

Directions are in DICOM's patient coordinates: x rises to the patient's left, y to the back, z to the head
(PS3.3, C.7.6.2.1.1).
"""

import numpy as np
from numpy.typing import ArrayLike

_AXIS_ENDS = (("R", "L"), ("A", "P"), ("F", "H"))
"""Letters at the lower and upper end of each axis."""
_RISING = {"axial": "FH", "coronal": "AP", "sagittal": "RL"}
"""Letters at the lower and upper end of the axis across each plane."""
_PLANES = {frozenset("RLAP"): "axial", frozenset("RLHF"): "coronal", frozenset("APHF"): "sagittal"}


def edge_letters(row: ArrayLike, column: ArrayLike) -> tuple[str, str, str, str]:
    """What lies at the left, right, upper and lower edge of an image, by the strongest direction alone.

    row, column: (3,) directions in which the column index and the row index rise.
    """
    left, right = _ends(row)
    top, bottom = _ends(column)
    return left, right, top, bottom


def plane_name(letters: str) -> str:
    """`axial`, `coronal` or `sagittal` by the letters at an image's edges; "" if they are unknown."""
    return _PLANES.get(frozenset(letters), "")


def slice_ends(plane: str, *, is_volume: bool) -> str:
    """Letters at the first and the last slice of a series in this plane, in viewing order; "" without a plane.

    is_volume: whether it came as one. Their slices follow NIfTI's axes, which rise to the right, the front and the
    head; those of DICOM rise along the normal.
    """
    ends = _RISING.get(plane, "")
    return ends[::-1] if is_volume and plane != "axial" else ends


def _ends(direction: ArrayLike) -> tuple[str, str]:
    """The letters at the start and the end of a direction."""
    vector = np.asarray(direction, np.float64)
    axis = int(np.argmax(np.abs(vector)))
    low, high = _AXIS_ENDS[axis]
    return (low, high) if vector[axis] > 0 else (high, low)
