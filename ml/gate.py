"""May this picture be judged at all? Cheap checks on the decoded pixels, before the network runs.

The baseline refuses pictures that hold nothing to judge: too small, too long and narrow, or without contrast. It does
not yet tell a brain MRI from another picture; the model card says so.
"""

import numpy as np

from ml.contracts import Gate, Image
from ml.preprocess import robust_range

MIN_SIDE = 64
"""Smallest side, in pixels, that is judged: below it a slice shows no anatomy at VGG16's resolution."""

MAX_ASPECT = 4.0
"""Longest side as a multiple of the shortest, at most. No slice of a head comes near it, and the square that a picture
is padded to grows with its longest side: a strip of few pixels would take gigabytes."""

MIN_CONTRAST = 0.02
"""Least robust intensity range (0.5th to 99.5th percentile) as a share of what the pixel type can hold or does hold."""


def check(image: Image) -> Gate:
    """Accept a picture, or refuse it with code `too_small`, `too_narrow` or `blank` and a sentence."""
    side = float(min(image.pixels.shape))
    if side < MIN_SIDE:
        size = f"{image.width} × {image.height}"
        return Gate(
            accepted=False,
            score=side,
            threshold=float(MIN_SIDE),
            reason="too_small",
            message=f"The picture is {size} pixels; at least {MIN_SIDE} on each side are needed to judge a slice.",
        )
    aspect = max(image.pixels.shape) / side
    if aspect > MAX_ASPECT:
        return Gate(
            accepted=False,
            score=aspect,
            threshold=MAX_ASPECT,
            reason="too_narrow",
            message=f"The picture is {image.width} × {image.height} pixels: too long and narrow for a slice of a head.",
        )
    contrast = _contrast(image)
    if contrast < MIN_CONTRAST:
        return Gate(
            accepted=False,
            score=contrast,
            threshold=MIN_CONTRAST,
            reason="blank",
            message="The picture is one flat shade: it has no contrast, so there is nothing to judge.",
        )
    return Gate(accepted=True, score=contrast, threshold=MIN_CONTRAST)


def _contrast(image: Image) -> float:
    pixels = image.pixels
    low, high = robust_range(pixels)
    if pixels.dtype == np.uint8:
        scale = 255.0
    else:  # deep pictures seldom use their whole range, so they are held against their own brightest pixel
        scale = max(float(np.abs(pixels.astype(np.float32)).max()), float(np.finfo(np.float32).tiny))
    return float((high - low) / scale)
