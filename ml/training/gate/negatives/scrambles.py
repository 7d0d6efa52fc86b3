"""Scrambled images: brains cut up, shuffled or reduced to their spectrum, and other things in the shape of a head.

They have the gray values and fine texture of a slice but not its anatomy, or its outline but not its texture.
"""

import numpy as np

from ml.training.gate.negatives.canvas import Plane, Rng, ellipse, field, unit


def shuffled(image: Plane, rng: Rng) -> Plane:
    """The image cut into 3 x 3 to 12 x 12 tiles, shuffled, each perhaps rotated."""
    tiles = int(rng.integers(3, 13))
    step = min(image.shape) // tiles
    pieces = [image[r * step : r * step + step, c * step : c * step + step] for r in range(tiles) for c in range(tiles)]
    turned = [np.rot90(pieces[n], int(rng.integers(4))) for n in rng.permutation(len(pieces))]
    return np.concatenate([np.concatenate(turned[r * tiles : (r + 1) * tiles], axis=1) for r in range(tiles)])


def rephased(image: Plane, rng: Rng) -> Plane:
    """The image's amplitude spectrum with random phases: its texture without its edges."""
    phases = np.angle(np.fft.rfft2(rng.random(image.shape)))
    return unit(np.fft.irfft2(np.abs(np.fft.rfft2(image)) * np.exp(1j * phases), s=image.shape))


def detail(image: Plane, rng: Rng) -> Plane:
    """A crop of a tenth to a quarter of the side, from the inside: too little to recognize anything."""
    height, width = image.shape
    side = int(min(height, width) * rng.uniform(0.1, 0.25))
    y, x = int(rng.uniform(0.3, 0.65) * (height - side)), int(rng.uniform(0.3, 0.65) * (width - side))
    return image[y : y + side, x : x + side].repeat(max(1, 160 // side), 0).repeat(max(1, 160 // side), 1)


def masked(image: Plane, rng: Rng) -> Plane:
    """The image masked to the shape of a head on black, sometimes with a bright rim like a skull."""
    center = (0.5 + rng.uniform(-0.04, 0.04), 0.5 + rng.uniform(-0.04, 0.04))
    size = (image.shape[0], image.shape[1])
    head = ellipse(size, center, (rng.uniform(0.32, 0.45), rng.uniform(0.36, 0.48)), rng.uniform(-0.3, 0.3))
    head = head + 0.15 * (field(rng, size, 2.5) - 0.5)
    plane = np.where(head < 1, image * rng.uniform(0.5, 1) + rng.uniform(0, 0.2), 0.0)
    if rng.random() < 0.5:
        plane = np.where((head < 1) & (head > rng.uniform(0.88, 0.95)), rng.uniform(0.6, 1), plane)
    return unit(plane)
