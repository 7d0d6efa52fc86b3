"""Slices of an average brain without its skull, which the gate must accept.

The images of a data table show whole heads; after brain extraction they look different.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ml import average_brain
from ml.contracts import BrainscanError, Image
from ml.preprocess import preprocess

Square = NDArray[np.float32]

PLANES = ("sagittal", "coronal", "axial")
"""In the order of the template's axes: left to right, back to front, bottom to top."""

FIRST, LAST = 0.1, 0.95
"""Slices are taken between these fractions of the brain's extent along an axis; beyond, they show too little."""


def squares(per_plane: int, *, seed: int, planes: tuple[str, ...] = PLANES) -> Iterator[Square]:
    """`per_plane` preprocessed slices (224, 224) of each plane, evenly spaced, in varying contrast. Pure.

    Contrasts: T1 as it is, T2-like (gray and white matter exchanged, bright fluid), FLAIR-like (dark fluid as well),
    and flat like proton density. Raises BrainscanError without nilearn.
    """
    volume = _volume()
    rng = np.random.default_rng(seed)
    inside = np.argwhere(volume > 0.05)
    low, high = inside.min(axis=0), inside.max(axis=0)
    for plane in planes:
        axis = PLANES.index(plane)
        for fraction in np.linspace(FIRST, LAST, per_plane):
            at = int(low[axis] + fraction * (high[axis] - low[axis]))
            cut = np.flipud(np.take(volume, at, axis=axis).T)
            yield preprocess(_image(_contrast(cut, rng)))[0]


def _contrast(cut: Square, rng: np.random.Generator) -> Square:
    brain = cut > 0.02
    variant = rng.integers(5)
    if variant == 0:
        cut = np.where(brain, 1.05 - cut, 0)
    elif variant == 1:
        cut = np.where(brain & (cut > 0.45), 1.3 - cut, cut * 0.5)
    elif variant == 2:
        cut = np.where(brain, 0.5 + 0.4 * cut, 0)
    return np.asarray(np.clip(cut, 0, None) ** rng.uniform(0.6, 1.6), np.float32)


def _volume() -> Square:
    try:
        return average_brain.load()
    except ImportError as error:
        raise BrainscanError(
            "template_missing", "Training the gate needs nilearn: pip install -r requirements-demo.txt."
        ) from error


def _image(plane: Square) -> Image:
    pixels = np.rint(plane / max(float(plane.max()), 1e-6) * 255).astype(np.uint8)
    return Image(pixels=pixels, format="template", width=pixels.shape[1], height=pixels.shape[0])
