"""Test objects of MR scanners: cylinders with inserts, and grids of rods or holes."""

import numpy as np
from numpy.typing import NDArray

from ml.training.gate.negatives.canvas import Plane, Rng, blur, ellipse, field, grid, side, unit


def cylinder(rng: Rng) -> Plane:
    """A filled cylinder with smooth shading, and perhaps blocks, wedges or holes in it."""
    size = (side(rng),) * 2
    plane, inside = _disc(rng, size)
    x, y = grid(size)
    for _ in range(int(rng.integers(0, 5))):
        angle, center = rng.uniform(0, np.pi), rng.uniform(0.3, 0.7, 2)
        along = (x - center[0]) * np.cos(angle) + (y - center[1]) * np.sin(angle)
        across = (y - center[1]) * np.cos(angle) - (x - center[0]) * np.sin(angle)
        wide, high = rng.uniform(0.02, 0.25, 2)
        block = (np.abs(along) < wide) & (np.abs(across) < high)
        shade = rng.uniform(0, 1) + (along / wide * rng.uniform(0, 0.5) if rng.random() < 0.4 else 0.0)
        plane = np.where(block & inside, shade, plane)
    return _acquired(rng, plane)


def rods(rng: Rng) -> Plane:
    """A grid of bright rods on black, or of dark holes in a cylinder."""
    size = (side(rng),) * 2
    dark = rng.random() < 0.5
    plane, inside = _disc(rng, size) if dark else (np.zeros(size, np.float32), _disc(rng, size)[1])
    x, y = grid(size)
    pitch, radius = rng.uniform(0.04, 0.16), rng.uniform(0.008, 0.03)
    near = np.hypot((x + rng.uniform()) % pitch - pitch / 2, (y + rng.uniform()) % pitch - pitch / 2) < radius
    plane = np.where(near & inside, 0.05 if dark else rng.uniform(0.6, 1), plane)
    return _acquired(rng, plane)


def _disc(rng: Rng, size: tuple[int, int]) -> tuple[Plane, NDArray[np.bool_]]:
    radius = rng.uniform(0.25, 0.47)
    inside = ellipse(size, (0.5, 0.5), (radius, radius * rng.uniform(0.85, 1.0))) < 1
    shaded = 1 - rng.uniform(0, 0.6) * field(rng, size, 3.0)
    return np.asarray(np.where(inside, shaded, 0.0), np.float32), inside


def _acquired(rng: Rng, plane: NDArray[np.floating]) -> Plane:
    noisy = blur(np.asarray(plane, np.float32), rng.uniform(1, 2)) + rng.uniform(0, 0.04) * rng.random(plane.shape)
    return unit(np.asarray(np.maximum(noisy, 0.0), np.float32))
