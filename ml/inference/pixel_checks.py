"""May this picture be judged at all? Cheap checks on the decoded pixels, before the network runs.

What has no contrast, is in color, or consists of a few flat shades is turned away here. Whether the rest is a slice of
a brain is for `ml.model.gate` to say, from the same pass that judges it. Every refusal has a stable code and a
sentence that says what would be accepted.
"""

import numpy as np

from ml.contracts import MAX_COLOR_FRACTION, Gate, Image
from ml.preprocess import robust_range

MIN_SIDE = 64
"""Smallest side, in pixels, that is judged: below it a slice shows no anatomy at VGG16's resolution."""

MAX_ASPECT = 4.0
"""Longest side as a multiple of the shortest, at most. No slice of a head comes near it, and the square that a picture
is padded to grows with its longest side: a strip of few pixels would take gigabytes."""

MIN_CONTRAST = 0.02
"""Least robust intensity range (0.5th to 99.5th percentile) as a share of what the pixel type can hold or does hold."""

SHADES = 5
MAX_FLAT = 0.85
"""Largest share of pixels beside the background that the five most common of 256 shades may hold. Slices stay
below 0.62 in a sample of the data table; drawings, plots, label maps and pages without noise come near 1."""

_NEAR = 8
"""Shades, of 256, around the most common one that count as background: lossy compression spreads it."""


def check(image: Image) -> Gate:
    """Accept a picture, or refuse it with `too_small`, `too_narrow`, `blank`, `not_mri_color` or `not_mri_drawing`."""
    side = float(min(image.pixels.shape))
    if side < MIN_SIDE:
        size = f"{image.width} × {image.height}"
        message = f"The picture is {size} pixels; at least {MIN_SIDE} on each side are needed to judge a slice."
        return Gate(accepted=False, score=side, threshold=float(MIN_SIDE), reason="too_small", message=message)
    aspect = max(image.pixels.shape) / side
    if aspect > MAX_ASPECT:
        message = f"The picture is {image.width} × {image.height} pixels: too long and narrow for a slice of a head."
        return Gate(accepted=False, score=aspect, threshold=MAX_ASPECT, reason="too_narrow", message=message)
    contrast = _contrast(image)
    if contrast < MIN_CONTRAST:
        message = "The picture is one flat shade: it has no contrast, so there is nothing to judge."
        return Gate(accepted=False, score=contrast, threshold=MIN_CONTRAST, reason="blank", message=message)
    if image.colored:
        message = (
            "The picture is in color; MRI slices are gray. If it does show one, export it in gray, without a colored "
            "overlay."
        )
        return Gate(
            accepted=False,
            score=image.color_fraction,
            threshold=MAX_COLOR_FRACTION,
            reason="not_mri_color",
            message=message,
        )
    flat = _flat(image)
    if flat > MAX_FLAT:
        message = (
            "This looks like a drawing, a plot or a mask, not an MRI slice: it has only a few flat shades. A slice of "
            "a brain, as the scanner made it, is accepted."
        )
        return Gate(accepted=False, score=flat, threshold=MAX_FLAT, reason="not_mri_drawing", message=message)
    return Gate(accepted=True, score=contrast, threshold=MIN_CONTRAST)


def _contrast(image: Image) -> float:
    pixels = image.pixels
    low, high = robust_range(pixels)
    if pixels.dtype == np.uint8:
        scale = 255.0
    else:  # deep pictures seldom use their whole range, so they are held against their own brightest pixel
        scale = max(float(np.abs(pixels.astype(np.float32)).max()), float(np.finfo(np.float32).tiny))
    return float((high - low) / scale)


def _flat(image: Image) -> float:
    """Share of the pixels beside the background that have one of the most common shades; 1 where only two exist."""
    step = max(1, int(np.sqrt(image.pixels.size / 65_536)))
    pixels = image.pixels[::step, ::step]
    if pixels.dtype != np.uint8:
        low, high = robust_range(pixels)
        unit = (pixels.astype(np.float64) - low) / max(high - low, float(np.finfo(np.float32).tiny))
        pixels = (np.clip(unit, 0.0, 1.0) * 255).astype(np.uint8)
    counts = np.bincount(pixels.ravel(), minlength=256)
    background = int(counts.argmax())
    counts[max(background - _NEAR, 0) : background + _NEAR + 1] = 0
    rest = int(counts.sum())
    return float(np.sort(counts)[-SHADES:].sum() / rest) if rest else 1.0
