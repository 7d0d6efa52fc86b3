"""Cheap checks on the decoded pixels, before the network runs.

They refuse images that are tiny, flat, colored, made of a few flat shades or of several slices. Whether the rest show
a slice of a brain is decided by `ml.model.gate`, from the forward pass. Every refusal has a stable code and a sentence
that says what would be accepted.
"""

import numpy as np

from ml.contracts import MAX_COLOR_FRACTION, MAX_INNER_COLOR, Gate, Image
from ml.inference import film_sheet, negative
from ml.preprocess import robust_range

MIN_SIDE = 64
"""Smallest side in pixels. Below it a slice shows no anatomy at VGG16's resolution."""

MAX_ASPECT = 4.0
"""Longest side as a multiple of the shortest. Slices of a head stay far below. An image is padded to a square of its
longest side, so a strip of few pixels would otherwise take gigabytes."""

MIN_CONTRAST = 0.02
"""Smallest robust intensity range (0.5th to 99.5th percentile), as a fraction of the full scale: 255 for uint8, the
whole range of the image for deeper types, which seldom start at 0: 16 signed bits may be stored from 32768 up."""

SHADES = 5
MAX_FLAT = 0.85
"""Largest fraction of the non-background pixels that may have one of the SHADES most common of 256 gray levels. Slices
stay below 0.62 in a sample of the data table; noise-free drawings, plots, label maps and pages come near 1."""

_NEAR = 8
"""Gray levels, of 256, around the most common one that count as background: lossy compression spreads it."""


def check(image: Image) -> Gate:
    """Accept an image, or refuse it.

    Reasons: `too_small`, `too_narrow`, `blank`, `not_mri_color`, `not_mri_drawing`, `film_sheet` or `not_mri_negative`.
    """
    side = float(min(image.pixels.shape))
    if side < MIN_SIDE:
        size = f"{image.width} × {image.height}"
        message = f"The image is {size} pixels; at least {MIN_SIDE} on each side are needed to judge a slice."
        return Gate(accepted=False, score=side, threshold=float(MIN_SIDE), reason="too_small", message=message)
    aspect = max(image.pixels.shape) / side
    if aspect > MAX_ASPECT:
        message = f"The image is {image.width} × {image.height} pixels: too long and narrow for a slice of a head."
        return Gate(accepted=False, score=aspect, threshold=MAX_ASPECT, reason="too_narrow", message=message)
    contrast = _contrast(image)
    if contrast < MIN_CONTRAST:
        message = "The image is one flat shade: it has no contrast, so there is nothing to judge."
        return Gate(accepted=False, score=contrast, threshold=MIN_CONTRAST, reason="blank", message=message)
    if image.colored:
        return _in_color(image)
    flat = _flat_fraction(image)
    if flat > MAX_FLAT:
        message = (
            "This looks like a drawing, a plot or a mask, not an MRI slice: it has only a few flat shades. A slice of "
            "a brain, as the scanner made it, is accepted."
        )
        return Gate(accepted=False, score=flat, threshold=MAX_FLAT, reason="not_mri_drawing", message=message)
    repeats = film_sheet.repeats(image.pixels)
    if repeats >= 1:
        message = (
            "This looks like a film sheet or a mosaic: several slices side by side in one image. Send each slice as "
            "an image of its own, or the series as DICOM files."
        )
        return Gate(accepted=False, score=repeats, threshold=1.0, reason="film_sheet", message=message)
    surround = negative.surround(image)
    if surround > negative.MIN_SURROUND:
        message = (
            "This looks like a photographic negative: the background is bright and the head dark. Invert it, so that "
            "the background is black, and upload it again."
        )
        return Gate(
            accepted=False,
            score=surround,
            threshold=negative.MIN_SURROUND,
            reason="not_mri_negative",
            message=message,
        )
    return Gate(accepted=True, score=contrast, threshold=MIN_CONTRAST)


def _in_color(image: Image) -> Gate:
    if image.color_fraction > MAX_COLOR_FRACTION:
        message = (
            "The image is in color; MRI slices are gray. If it does show one, export it in gray, without a colored "
            "overlay."
        )
        score, threshold = image.color_fraction, MAX_COLOR_FRACTION
    else:
        message = (
            "Something colored lies over the image (a box, an arrow, a heat map), and the model would take it for "
            "anatomy. Export the slice without it."
        )
        score, threshold = image.inner_color_fraction, MAX_INNER_COLOR
    return Gate(accepted=False, score=score, threshold=threshold, reason="not_mri_color", message=message)


def _contrast(image: Image) -> float:
    pixels = image.pixels
    low, high = robust_range(pixels)
    if pixels.dtype == np.uint8:
        scale = 255.0
    else:  # deep images seldom use their whole range
        scale = max(float(pixels.max()) - float(pixels.min()), float(np.finfo(np.float32).tiny))
    return float((high - low) / scale)


def _flat_fraction(image: Image) -> float:
    """Fraction of the non-background pixels with one of the most common shades; 1 for an image of two shades."""
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
