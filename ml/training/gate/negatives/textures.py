"""Surfaces without a head: noise, gradients, repeated patterns, cells, clouds, landscapes."""

import numpy as np
from numpy.typing import NDArray

from ml.training.gate.negatives.canvas import Plane, Rng, blur, ellipse, field, grid, shape, unit


def noise(rng: Rng) -> Plane:
    """White, binary, heavy-tailed or grainy noise."""
    size = shape(rng)
    variant = rng.integers(5)
    plane: NDArray[np.floating]
    if variant == 0:
        plane = rng.random(size)
    elif variant == 1:
        plane = rng.standard_normal(size)
    elif variant == 2:
        plane = (rng.random(size) < rng.uniform(0.02, 0.5)).astype(np.float64)
    elif variant == 3:
        plane = rng.gamma(rng.uniform(0.6, 3.0), 1.0, size)
    else:
        plane = blur(rng.random(size).astype(np.float32), rng.uniform(1.5, 6.0))
    return unit(plane)


def gradient(rng: Rng) -> Plane:
    """A smooth ramp, glow or vignette, continuous or in steps, sometimes with a little noise."""
    size = shape(rng)
    x, y = grid(size)
    angle = rng.uniform(0, 2 * np.pi)
    variant = rng.integers(4)
    if variant == 0:
        plane = x * np.cos(angle) + y * np.sin(angle)
    elif variant == 1:
        plane = ellipse(size, (rng.uniform(), rng.uniform()), (rng.uniform(0.3, 1), rng.uniform(0.3, 1)))
    elif variant == 2:
        plane = np.exp(-(ellipse(size, (0.5, 0.5), (rng.uniform(0.15, 0.5), rng.uniform(0.15, 0.5))) ** 2))
    else:
        plane = np.arctan2(y - rng.uniform(), x - rng.uniform())
    plane = unit(plane)
    if rng.random() < 0.3:
        plane = np.floor(plane * rng.integers(3, 12))
    if rng.random() < 0.4:
        plane = plane + rng.uniform(0.005, 0.08) * rng.standard_normal(size)
    return unit(plane if rng.random() < 0.5 else -plane)


def pattern(rng: Rng) -> Plane:
    """Checkerboard, stripes, rings, bricks or dots, sharp or soft, sometimes distorted."""
    size = shape(rng)
    x, y = grid(size)
    bend = rng.choice([0.0, 0.0, 0.05])
    x = x + bend * np.sin(2 * np.pi * y * rng.uniform(1, 4))
    n, angle = rng.uniform(3, 40), rng.uniform(0, np.pi)
    across, along = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    variant = rng.integers(5)
    if variant == 0:
        plane = np.sign(np.sin(np.pi * n * x) * np.sin(np.pi * n * y))
    elif variant == 1:
        plane = np.sin(2 * np.pi * n * across)
    elif variant == 2:
        plane = np.sin(2 * np.pi * n * np.hypot(x - 0.5, y - 0.5) ** rng.choice([1, 2]))
    elif variant == 3:
        row = np.floor(y * n)
        edge = np.minimum((y * n) % 1, ((x * n / 2) + 0.5 * (row % 2)) % 1)
        plane = (edge > 0.12).astype(np.float64)
    else:
        plane = np.hypot((across * n) % 1 - 0.5, (along * n) % 1 - 0.5)
    if rng.random() < 0.5:
        plane = np.sign(plane - np.median(plane))
    return unit(blur(unit(plane), rng.uniform(1, 3)) + rng.uniform(0, 0.1) * field(rng, size, 0.0))


def cells(rng: Rng) -> Plane:
    """Voronoi cells, like tissue under a microscope, pebbles or cracked earth: edges, fillings or nuclei."""
    size = shape(rng)
    seeds = rng.random((int(rng.integers(20, 220)), 2))
    x, y = (axis[::2, ::2].reshape(-1, 1) for axis in grid(size))
    distances = np.sqrt((x - seeds[:, 0]) ** 2 + (y - seeds[:, 1]) ** 2)
    nearest = np.argmin(distances, axis=1)
    two = np.partition(distances, 1, axis=1)[:, :2]
    variant = rng.integers(3)
    if variant == 0:
        flat = two[:, 1] - two[:, 0]
    elif variant == 1:
        flat = rng.random(len(seeds))[nearest]
    else:
        radii = rng.uniform(0.2, 0.6, len(seeds)) / np.sqrt(len(seeds))
        flat = 1.0 / (1.0 + np.exp((two[:, 0] / radii[nearest] - 1) * 12))
    plane = unit(flat.reshape(_halved(size))).repeat(2, 0).repeat(2, 1)[: size[0], : size[1]]
    plane = plane if rng.random() < 0.5 else 1 - plane
    return unit(blur(plane, rng.uniform(1, 3)) + rng.uniform(0, 0.5) * field(rng, size, rng.uniform(0.5, 1.5)))


def _halved(size: tuple[int, int]) -> tuple[int, int]:
    """The shape of a plane of `size` after taking every second row and column."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def clouds(rng: Rng) -> Plane:
    """Random fields from grainy to smooth: plain, ridged, mixed, or in levels like a map."""
    size = shape(rng)
    plane = field(rng, size, rng.uniform(0.6, 2.6))
    variant = rng.integers(4)
    if variant == 1:
        plane = np.abs(plane - plane.mean())
    elif variant == 2:
        plane = np.floor(plane * rng.integers(3, 9))
    elif variant == 3:
        other = field(rng, size, rng.uniform(1.0, 2.0))
        plane = np.where(other > np.quantile(other, rng.uniform(0.3, 0.7)), plane, field(rng, size, 0.8) * 0.6)
    return unit(plane**1) if rng.random() < 0.5 else unit(-plane)


def landscape(rng: Rng) -> Plane:
    """Fields, roads and roofs from above, or a horizon: patches of different texture with hard edges."""
    size = shape(rng)
    plane = 0.5 * field(rng, size, rng.uniform(0.8, 1.4))
    x, y = grid(size)
    for _ in range(int(rng.integers(3, 25))):
        angle, offset = rng.uniform(0, np.pi), rng.uniform(-0.5, 1.2)
        across = x * np.cos(angle) + y * np.sin(angle) - offset
        along = y * np.cos(angle) - x * np.sin(angle) - rng.uniform(-0.5, 1)
        wide, high = rng.uniform(0.01, 0.3), rng.uniform(0.02, 1.0)
        inside = (np.abs(across) < wide) & (np.abs(along) < high)
        plane[inside] = (plane * rng.uniform(0, 0.8) + rng.uniform(0, 0.8))[inside]
    if rng.random() < 0.3:
        sky = y < 0.5 + 0.15 * np.sin(2 * np.pi * x * rng.uniform(0.3, 3) + rng.uniform(0, 6))
        plane = np.where(sky, 0.7 + 0.2 * field(rng, size, 2.2), plane)
    return unit(plane)
