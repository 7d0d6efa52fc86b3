"""Building blocks of synthetic negatives: gray planes from 0 to 1, random fields, ellipses, and ink."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

Plane = NDArray[np.float32]
Rng = np.random.Generator
Painter = Callable[[Rng], Plane]
"""Draws one image, (height, width) float32 from 0 to 1."""


def side(rng: Rng) -> int:
    """A side in pixels, 128 to 320."""
    return int(rng.integers(128, 321))


def shape(rng: Rng) -> tuple[int, int]:
    """(height, width): square, or with a long side up to 1.8 times the short one."""
    short = side(rng)
    long = int(short * rng.uniform(1.0, 1.8)) if rng.random() < 0.6 else short
    return (short, long) if rng.random() < 0.5 else (long, short)


def field(rng: Rng, size: tuple[int, int], exponent: float) -> Plane:
    """Random field with amplitude 1/frequency^exponent: 0 is white noise, 1 a natural scene, 2 and more clouds.

    (Field 1987, J. Opt. Soc. Am. A 4(12): natural scenes have amplitude spectra near 1/f.)
    """
    fy, fx = np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None]
    radius = np.hypot(fy, fx)
    radius[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal(size)) / radius**exponent
    spectrum[0, 0] = 0.0
    return unit(np.fft.irfft2(spectrum, s=size))


def unit(plane: NDArray[np.floating]) -> Plane:
    """Stretched to 0 to 1; a constant plane becomes 0."""
    low, high = float(plane.min()), float(plane.max())
    return np.asarray((plane - low) / max(high - low, 1e-9), np.float32)


def grid(size: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of every pixel's center, 0 to 1 from left and top."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    return (x + 0.5) / size[1], (y + 0.5) / size[0]


def ellipse(
    size: tuple[int, int], center: tuple[float, float], radii: tuple[float, float], angle: float = 0.0
) -> NDArray[np.float64]:
    """Distance from `center` (x, y) in units of radii (x, y), in fractions of the sides: below 1 is inside.

    angle: in radians.
    """
    x, y = grid(size)
    dx, dy = x - center[0], y - center[1]
    across, down = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    return np.asarray(np.hypot(across / radii[0], down / radii[1]), np.float64)


def blur(plane: Plane, factor: float) -> Plane:
    """Blurred, by scaling down `factor` times and up again."""
    if factor <= 1.0:
        return plane
    image = Pillow.fromarray(plane)
    small = tuple(max(2, round(length / factor)) for length in image.size)
    shrunk = image.resize((small[0], small[1]), Pillow.Resampling.BOX)
    return np.array(shrunk.resize(image.size, Pillow.Resampling.BICUBIC), np.float32)


def ink(size: tuple[int, int], *, paper: int = 255) -> tuple[Pillow.Image, ImageDraw.ImageDraw]:
    """A sheet of one gray level, and a pen for it."""
    sheet = Pillow.new("L", (size[1], size[0]), paper)
    return sheet, ImageDraw.Draw(sheet)


def to_plane(sheet: Pillow.Image, *, invert: bool = False) -> Plane:
    """The sheet as a plane; `invert` swaps paper and ink."""
    plane = np.asarray(sheet, np.float32) / np.float32(255)
    return np.asarray(1.0 - plane if invert else plane, np.float32)
