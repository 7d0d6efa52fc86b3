"""Heads as other modalities show them, made from MR slices: CT, emission tomography, and maps of labels.

They are what a brain's outline and folds look like without the contrast of MR. Few real ones are at hand, so these keep
the gate from learning only the scanners of those few.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ml.training.gate.negatives.canvas import Plane, Rng, blur, ellipse, field, unit

_BACKGROUND = 0.1


def ct(image: Plane, rng: Rng) -> Plane:
    """The head in a brain window: a white skull below a gray scalp, and almost no contrast inside."""
    head = _filled(image)
    depth = np.asarray(ndimage.distance_transform_edt(head), np.float64) * (
        1 + 0.4 * (field(rng, image.shape, 2) - 0.5)
    )
    scalp = rng.uniform(1, 9)
    bone = scalp + rng.uniform(5, 16)
    level, contrast = rng.uniform(0.3, 0.65), rng.uniform(0.15, 0.5) * (1 if rng.random() < 0.5 else -1)
    inside = blur(image, rng.uniform(1, 3)) - float(image[head].mean()) if head.any() else image
    plane = np.where(depth > bone, level + contrast * np.clip(inside, -0.4, 0.4), 1.0)
    plane = np.where(depth <= scalp, rng.uniform(0.0, 0.35), plane)
    if rng.random() < 0.4:  # sinuses and mastoid cells
        air = field(rng, image.shape, 1.6) + 0.4 * (ellipse(image.shape, (0.5, rng.uniform(0, 1)), (0.3, 0.25)) < 1)
        plane = np.where((depth > scalp) & (air > np.quantile(air, rng.uniform(0.85, 0.98))), 0.0, plane)
    plane = plane + rng.uniform(0.01, 0.06) * blur(rng.standard_normal(image.shape).astype(np.float32), 1.4)
    plane = np.where(head, plane, 0.0)
    if rng.random() < 0.4:  # the head rest
        ring = ellipse(image.shape, (0.5, rng.uniform(0.3, 0.5)), (0.55, 0.6))
        rows = np.arange(image.shape[0])[:, None] > 0.7 * image.shape[0]
        plane = np.where((np.abs(ring - 1) < 0.006) & rows & ~head, 1.0, plane)
    return np.asarray(np.clip(plane, 0.0, 1.0), np.float32)


def emission(image: Plane, rng: Rng) -> Plane:
    """PET or SPECT: the inside of the head alone, bright and blurred, as if glowing."""
    depth = ndimage.distance_transform_edt(_filled(image))
    brain = ndimage.gaussian_filter((depth > rng.uniform(6, 20)).astype(np.float32), rng.uniform(1, 3))
    uptake = unit(image) if rng.random() < 0.5 else 1 - unit(image)
    uptake = 0.25 + uptake + rng.uniform(0, 0.5) * field(rng, image.shape, 2)
    plane = ndimage.gaussian_filter(uptake * brain, rng.uniform(2.5, 7))
    plane = unit(plane) ** rng.uniform(0.7, 2.2)
    return unit(plane + rng.uniform(0, 0.05) * blur(rng.random(image.shape).astype(np.float32), 4))


def labels(image: Plane, rng: Rng) -> Plane:
    """A segmentation: the head, with or without its rim, in flat regions of unrelated gray."""
    depth = ndimage.distance_transform_edt(_filled(image))
    inside = depth > rng.choice([0.0, 8.0, 16.0])
    smooth = ndimage.median_filter(ndimage.gaussian_filter(image, rng.uniform(0.5, 2)), size=int(rng.choice([3, 5])))
    tissues = np.digitize(smooth, np.sort(rng.uniform(0.1, 0.9, int(rng.integers(2, 7)))))
    lobes = np.digitize(field(rng, image.shape, 2.5), np.sort(rng.uniform(0.1, 0.9, int(rng.integers(2, 8)))))
    shades = rng.uniform(0.1, 1.0, (16, 16))
    return np.asarray(np.where(inside, shades[tissues, lobes], 0.0), np.float32)


def _filled(image: Plane) -> NDArray[np.bool_]:
    """The head without holes: the largest piece that is brighter than the background."""
    pieces, count = ndimage.label(ndimage.gaussian_filter(image, 1.5) > _BACKGROUND)
    if not count:
        return np.ones(image.shape, bool)
    sizes = np.bincount(pieces.ravel())[1:]
    return np.asarray(ndimage.binary_fill_holes(pieces == 1 + int(sizes.argmax())), bool)
