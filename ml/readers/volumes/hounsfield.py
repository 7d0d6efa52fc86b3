"""Told by its values: a volume in Hounsfield units is a CT. NIfTI and its like do not name the modality."""

from typing import Any

import numpy as np

_AIR = (-1050, -950)
_SOFT_TISSUE = (0, 100)
"""Hounsfield units of air around a head, and of brain, muscle and blood in it. Gray values of MR are never so: a
magnitude is not negative, and maps that are have no peak there."""
_LEAST_AIR, _LEAST_TISSUE = 0.1, 0.01
_LEAST_BETWEEN, _MOST_TISSUE = 0.005, 0.9
"""MR whose padding is -1000 or -1024 has no voxels between that and 0, where a CT has fat and the edge of the skin. A
CT without its skull has none either, and hardly anything but soft tissue."""
_SAMPLED = 256
"""Voxels along each of the first two axes that are looked at."""


def is_hounsfield(voxels: Any) -> bool:
    """Whether a sample of the voxels, scaled, has air and soft tissue where a CT has them. voxels: three axes."""
    steps = tuple(slice(None, None, -(-length // _SAMPLED)) for length in voxels.shape[:2])
    count = voxels.shape[2]
    chosen = sorted({round(at) for at in np.linspace(0, count - 1, min(count, 9))})
    try:
        with np.errstate(over="ignore"):
            values = np.stack([np.asarray(voxels[(*steps, at)], np.float32) for at in chosen])
    except Exception:  # the slices are read again one by one, and then it is reported
        return False
    air = float(((values >= _AIR[0]) & (values <= _AIR[1])).mean())
    tissue = float(((values >= _SOFT_TISSUE[0]) & (values <= _SOFT_TISSUE[1])).mean())
    if air < _LEAST_AIR or tissue < _LEAST_TISSUE:
        return False
    between = float(((values > _AIR[1]) & (values < _SOFT_TISSUE[0])).mean())
    return between >= _LEAST_BETWEEN or tissue >= _MOST_TISSUE * (1 - air)
