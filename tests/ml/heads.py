"""Head-like images with an inside of their own, for tests that must tell one head from another.

The phantoms of `tests.builders` share their anatomy: only noise and lesion differ, as between copies of one image.
"""

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]


def head(seed: int, *, size: int = 192, slice_: float = 0.0) -> U8:
    """(size, size) uint8: a skull around folds and blobs drawn from `seed`. slice_: how far along the head, 0 to 1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size].astype(np.float64) / size
    width, height = rng.uniform(0.30, 0.38), rng.uniform(0.38, 0.44)
    radius = np.hypot((x - 0.5) / width, (y - 0.5) / height)
    inside = np.zeros((size, size))
    for _ in range(40):
        u, v = rng.uniform(0.2, 0.8, 2) + slice_ * rng.normal(0, 0.15, 2)
        spread = rng.uniform(0.015, 0.07)
        inside += rng.normal(0, 60) * np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * spread**2))
    plane = np.where(radius < 0.9, 110 + inside, np.where(radius < 1, 210.0, 0.0))
    return np.clip(plane, 0, 255).astype(np.uint8)
