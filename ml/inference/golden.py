"""Does a loaded model still give the numbers that it gave when it was registered?

A drawn head goes through the network and the heads. A digest proves that the weights are the right ones; this proves
that they are computed correctly, which another version of an engine, another processor or faulty memory may change.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.contracts import Image
from ml.inference.registry import Model
from ml.preprocess import preprocess, to_network

SIDE = 224
TOLERANCE = 0.01
"""Largest difference of any of the numbers. Engines differ by less than 0.001."""


def measure(model: Model) -> list[float]:
    """The tumor probability that a drawn head gets, and the numbers of its embedding, rounded to five digits."""
    pixels = drawn_head()
    square, _ = preprocess(Image(pixels=pixels, format="PNG", width=SIDE, height=SIDE))
    outputs = model.heads.apply(model.engine.forward(to_network(square[None])).block5)
    probability = float(model.calibration.probability(outputs.logits)[0])
    return [round(float(value), 5) for value in (probability, *outputs.embedding[0])]


def agree(stored: Sequence[float], found: Sequence[float]) -> bool:
    """Whether the numbers are the same within TOLERANCE. False if any is NaN."""
    return len(stored) == len(found) and bool(np.all(np.abs(np.subtract(stored, found)) <= TOLERANCE))


def drawn_head() -> NDArray[np.uint8]:
    """(SIDE, SIDE) uint8: a skull, a brain with folds, and a bright disc. Nobody's, and the same every time."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64) / SIDE
    radius = np.hypot((x - 0.5) / 0.38, (y - 0.5) / 0.45)
    plane = np.zeros((SIDE, SIDE))
    plane[radius < 1.0] = 190.0
    plane[radius < 0.92] = 15.0
    brain = radius < 0.86
    plane[brain] = (95 + 12 * np.sin(40 * x + 3 * np.sin(25 * y)) + 8 * np.sin(33 * y))[brain]
    plane[np.hypot(x - 0.62, y - 0.42) < 0.08] = 235.0
    return plane.astype(np.uint8)
