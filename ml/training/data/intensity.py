"""Augmentation of gray values: what coils, sequences, vendors, exports and web pages do to the same head.

Every function takes and returns (224, 224) float32 from 0 to 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter

from ml.preprocess import SIZE

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Rng = np.random.Generator

_COARSE = 56  # side of the grid on which head and air are separated: fine enough for a mask, and cheap


@dataclass(frozen=True, slots=True)
class Shades:
    """Fractions of copies that get each change, and the greatest strength of each."""

    strip: float = 0.2
    air: float = 0.08
    invert: float = 0.05
    curve: float = 0.35
    gamma: float = 0.45
    bias: float = 0.4
    bias_strength: float = 0.5
    resolution: float = 0.25
    smallest: int = 56
    blur: float = 0.25
    sigma: float = 1.6
    noise: float = 0.5
    noise_strength: float = 0.06
    contrast: float = 0.15
    cut: float = 0.15
    text: float = 0.06


def change(unit: Plane, region: NDArray[np.uint8], rng: Rng, shades: Shades) -> tuple[Plane, Mask]:
    """The changed plane, and a mask (224, 224) of what can no longer be seen of the tumor.

    region: above 0 where a tumor is or may be; nothing is cut out there.
    """
    hidden = np.zeros(unit.shape, bool)
    head = head_mask(unit)
    if rng.random() < shades.strip:
        unit, hidden = _strip_skull(unit, head, rng)
    if rng.random() < shades.curve:
        unit = _curve(unit, rng)
    if rng.random() < shades.invert:
        unit = np.where(_grow(head), 1 - unit, unit).astype(np.float32)
    unit = np.asarray(unit ** np.float32(np.exp(rng.uniform(-shades.gamma, shades.gamma))), np.float32)
    if rng.random() < shades.bias:
        unit = unit * _bias(rng, shades.bias_strength)
    if rng.random() < shades.cut:
        unit = _cut_out(unit, region, rng)
    if rng.random() < shades.air:
        unit = _fill_air(unit, head, rng)
    if rng.random() < shades.resolution:
        unit = _resample(unit, rng, shades.smallest)
    if rng.random() < shades.blur:
        unit = _blur(unit, rng.uniform(0.3, shades.sigma))
    if rng.random() < shades.text:
        unit = _burn_text(unit, region, rng)
    if rng.random() < shades.noise:
        unit = _noise(unit, rng, shades.noise_strength)
    unit = unit * rng.uniform(1 - shades.contrast, 1 + shades.contrast)
    return np.asarray(np.clip(unit, 0, 1), np.float32), hidden


def head_mask(unit: Plane) -> Mask:
    """Everything but the dark air connected to the border, on a coarse grid (56, 56)."""
    small = np.asarray(_to_pillow(unit).resize((_COARSE, _COARSE), Pillow.Resampling.BOX), np.float32)
    dark = np.pad(small < 0.08 * 255, 1, constant_values=True)
    canvas = Pillow.fromarray(dark.astype(np.uint8)).copy()  # Pillow 13 discards drawings on an array's own memory
    ImageDraw.floodfill(canvas, (0, 0), 2)
    return np.asarray(np.asarray(canvas)[1:-1, 1:-1] != 2, bool)


def _grow(coarse: Mask) -> Mask:
    return np.asarray(Pillow.fromarray(coarse).resize((SIZE, SIZE), Pillow.Resampling.NEAREST), bool)


def _strip_skull(unit: Plane, head: Mask, rng: Rng) -> tuple[Plane, Mask]:
    """As after brain extraction: a rim as thick as scalp and skull becomes black."""
    rim = 2 * int(rng.integers(2, 6)) + 1
    kept = Pillow.fromarray(np.pad(head, rim).astype(np.uint8) * 255).filter(ImageFilter.MinFilter(rim))
    inner = Pillow.fromarray(np.asarray(kept)[rim:-rim, rim:-rim]).resize((SIZE, SIZE), Pillow.Resampling.BICUBIC)
    soft = np.asarray(inner, np.float32) / 255
    if soft.mean() < 0.08:  # nothing would be left
        return unit, np.zeros(unit.shape, bool)
    return np.asarray(unit * soft, np.float32), soft < 0.5


def _curve(unit: Plane, rng: Rng) -> Plane:
    """A random rising tone curve: tissue contrast changes, as between sequences, and black stays black."""
    steps = rng.gamma(1.2, size=6)
    levels = np.concatenate([[0.0], np.cumsum(steps) / steps.sum()])
    return np.asarray(np.interp(unit, np.linspace(0, 1, 7), levels), np.float32)


def _bias(rng: Rng, strength: float) -> Plane:
    """A coil's bias field: the exponential of a random second-order polynomial."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j].astype(np.float32)
    a = rng.uniform(-strength, strength, 5)
    field = np.exp(a[0] * x + a[1] * y + a[2] * x * x + a[3] * y * y + a[4] * x * y)
    return np.asarray(field / field.mean(), np.float32)


def _cut_out(unit: Plane, region: NDArray[np.uint8], rng: Rng) -> Plane:
    """Cutout: black or gray patches, never over the region (DeVries & Taylor 2017, arXiv 1708.04552)."""
    changed = unit.copy()
    for _ in range(int(rng.integers(1, 4))):
        height, width = rng.integers(12, 60, 2)
        y, x = rng.integers(0, SIZE - height), rng.integers(0, SIZE - width)
        if not region[y : y + height, x : x + width].any():
            changed[y : y + height, x : x + width] = rng.choice([0.0, rng.random()])
    return changed


def _fill_air(unit: Plane, head: Mask, rng: Rng) -> Plane:
    """A background that is not black: gray, white or noisy."""
    level, grain = rng.uniform(0.1, 1.0), rng.uniform(0, 0.1)
    air = np.clip(level + rng.normal(0, grain, unit.shape), 0, 1)
    return np.where(_grow(head), unit, air).astype(np.float32)


def _resample(unit: Plane, rng: Rng, smallest: int) -> Plane:
    side = int(rng.integers(smallest, 160))
    small = _to_pillow(unit).resize((side, side), Pillow.Resampling.BOX)
    way = Pillow.Resampling.BILINEAR if rng.random() < 0.7 else Pillow.Resampling.NEAREST
    return _plane(small.resize((SIZE, SIZE), way))


def _blur(unit: Plane, sigma: float) -> Plane:
    return _plane(_to_pillow(unit).filter(ImageFilter.GaussianBlur(sigma)))


def _burn_text(unit: Plane, region: NDArray[np.uint8], rng: Rng) -> Plane:
    """Burned-in text, as in exports, never over the region."""
    canvas = Pillow.new("L", (SIZE, SIZE), 0)
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(1, 6))):
        letters = "".join(rng.choice(list("ABCDEFGHKLMNPRSTUVWXYZ0123456789:/.- "), int(rng.integers(1, 14))))
        draw.text(tuple(rng.integers(0, SIZE - 30, 2).tolist()), letters, fill=255, font_size=int(rng.integers(8, 20)))
    shown = (np.asarray(canvas) > 127) & (region == 0)
    return np.where(shown, np.float32(rng.uniform(0.6, 1.0)), unit).astype(np.float32)


def _noise(unit: Plane, rng: Rng, strength: float) -> Plane:
    """Rician noise: the magnitude of a signal with Gaussian noise in both channels (Gudbjartsson & Patz 1995)."""
    sigma = rng.uniform(0, strength)
    real, imaginary = rng.normal(0, sigma, (2, *unit.shape)).astype(np.float32)
    return np.asarray(np.hypot(unit + real, imaginary), np.float32)


def _to_pillow(unit: Plane) -> Pillow.Image:
    return Pillow.fromarray(np.clip(unit * 255, 0, 255).astype(np.uint8))  # Pillow cannot blur float images


def _plane(image: Pillow.Image) -> Plane:
    return np.asarray(image, np.float32) / np.float32(255)
