"""Rough phantoms of other body parts, as in CT, MR or X-ray, and of round things on a dark background.

They are no anatomy. They only place smooth tissue, bone and air as in an abdomen, a chest, a thigh, a knee, a spine, a
hand, a fundus or a skin lesion, so that "round and gray on black" is not enough to pass for a head.
"""

import numpy as np

from ml.training.gate.negatives.canvas import Plane, Rng, blur, ellipse, field, grid, shape, unit


def _tissue(rng: Rng, size: tuple[int, int], level: float, rough: float) -> Plane:
    return np.asarray(level + rough * (field(rng, size, rng.uniform(0.8, 2.2)) - 0.5), np.float32)


def _acquire(rng: Rng, plane: Plane) -> Plane:
    """Blur, shade, and add the Rician noise of magnitude images (Gudbjartsson & Patz 1995)."""
    plane = blur(np.asarray(plane, np.float32), rng.uniform(1, 2.5)) * (0.7 + 0.5 * field(rng, plane.shape, 3.5))
    sigma = rng.uniform(0.0, 0.05)
    return unit(np.hypot(plane + sigma * rng.standard_normal(plane.shape), sigma * rng.standard_normal(plane.shape)))


def trunk(rng: Rng) -> Plane:
    """Axial abdomen or chest: a wide oval with fat, a vertebra, and organs of different gray or two dark lungs."""
    size = shape(rng)
    plane = np.zeros(size, np.float32)
    wide, high = rng.uniform(0.42, 0.5), rng.uniform(0.26, 0.42)
    body = ellipse(size, (0.5, 0.5), (wide, high))
    plane[body < 1] = rng.uniform(0.2, 1.0)
    fat = rng.uniform(0.75, 0.95)
    plane = np.where(body < fat, _tissue(rng, size, rng.uniform(0.3, 0.6), 0.2), plane)
    lungs = rng.random() < 0.4
    for n in range(2 if lungs else int(rng.integers(3, 14))):
        if lungs:
            center, radii, level = (0.5 + (0.22 if n else -0.22) * wide * 2, 0.47), (wide * 0.38, high * 0.6), 0.03
        else:
            center = (0.5 + wide * 0.7 * rng.uniform(-1, 1), 0.5 + high * 0.7 * rng.uniform(-1, 1))
            radii, level = (rng.uniform(0.03, 0.2), rng.uniform(0.03, 0.16)), rng.uniform(0, 1)
        organ = ellipse(size, center, radii, rng.uniform(-0.6, 0.6)) + 0.25 * (field(rng, size, 2.0) - 0.5)
        plane = np.where((organ < 1) & (body < fat), _tissue(rng, size, level, 0.12), plane)
    spine = ellipse(size, (0.5, 0.5 + high * 0.6), (0.07, 0.07))
    plane = np.where(spine < 1, _tissue(rng, size, rng.uniform(0.1, 1.0), 0.2), plane)
    plane = np.where(ellipse(size, (0.5, 0.5 + high * 0.78), (0.03, 0.02)) < 1, rng.uniform(0, 1), plane)
    return _acquire(rng, plane)


def limbs(rng: Rng) -> Plane:
    """One or two limbs in cross-section: fat, muscles, a ring of bone with marrow."""
    size = shape(rng)
    plane = np.zeros(size, np.float32)
    pair = rng.random() < 0.5
    fat, muscle, marrow = rng.uniform(0.5, 1), rng.uniform(0.2, 0.5), rng.uniform(0.2, 1)
    for x in (0.27, 0.73) if pair else (0.5,):
        radius = (0.22, 0.3) if pair else (rng.uniform(0.3, 0.45), rng.uniform(0.3, 0.45))
        limb = ellipse(size, (x, 0.5), radius) + 0.08 * (field(rng, size, 2.5) - 0.5)
        plane = np.where(limb < 1, fat, plane)
        inner = limb < rng.uniform(0.75, 0.9)
        plane = np.where(inner, _tissue(rng, size, muscle, 0.15), plane)
        plane = np.where(inner & (np.abs(field(rng, size, 2.0) - 0.5) < 0.015), fat, plane)
        for _ in range(int(rng.integers(1, 3))):
            spot = (x + rng.uniform(-0.07, 0.07), 0.5 + rng.uniform(-0.09, 0.09))
            bone = ellipse(size, spot, (radius[0] * 0.3, radius[1] * 0.3))
            plane = np.where(bone < 1, 0.03, plane)
            plane = np.where(bone < 0.75, marrow, plane)
    return _acquire(rng, plane)


def column(rng: Rng) -> Plane:
    """A spine or joint from the side: a curved row of bone blocks, discs, a canal, soft tissue up to the edge."""
    size = shape(rng)
    x, y = grid(size)
    blocks = int(rng.integers(2, 9))
    bend = rng.uniform(-0.15, 0.15) * np.sin(np.pi * (y + rng.uniform(-0.3, 0.3)))
    across = x - rng.uniform(0.4, 0.6) - bend
    plane = _tissue(rng, size, rng.uniform(0.15, 0.5), 0.3)
    half = rng.uniform(0.08, 0.3 if blocks < 4 else 0.14)
    phase = (y * blocks + rng.uniform()) % 1
    inside = np.abs(across) < half * (1 - 0.15 * np.sin(np.pi * phase))
    plane = np.where(inside, _tissue(rng, size, rng.uniform(0.5, 1), 0.15), plane)
    plane = np.where(inside & (phase < rng.uniform(0.12, 0.3)), rng.uniform(0, 0.5), plane)
    canal = np.abs(across - half - 0.06) < 0.035
    plane = np.where(canal, rng.uniform(0, 1), plane)
    edge = np.abs(x - 0.5) + 0.05 * np.sin(6 * y + rng.uniform(0, 6)) > rng.uniform(0.35, 0.6)
    return _acquire(rng, np.where(edge, 0.0, plane))


def hand(rng: Rng) -> Plane:
    """Fingers or ribs as in an X-ray: bright bars over a gray background."""
    size = shape(rng)
    plane = 0.15 * field(rng, size, 2.0)
    turn = rng.uniform(-0.4, 0.4)
    for n in range(int(rng.integers(3, 9))):
        center = (rng.uniform(0.1, 0.9), rng.uniform(0.2, 0.8))
        bar = ellipse(size, center, (rng.uniform(0.02, 0.07), rng.uniform(0.15, 0.5)), turn + 0.15 * (n - 3))
        plane = plane + rng.uniform(0.1, 0.5) * np.clip(1.2 - bar, 0, 0.5)
    palm = ellipse(size, (0.5, 0.75), (0.35, 0.3))
    return _acquire(rng, np.asarray(plane + rng.uniform(0, 0.6) * np.clip(1 - palm, 0, 0.5), np.float32))


def fundus(rng: Rng) -> Plane:
    """A bright disc with branching dark vessels and a bright spot: a fundus, or an endoscopic view."""
    size = shape(rng)
    disc = ellipse(size, (0.5, 0.5), (rng.uniform(0.4, 0.5), rng.uniform(0.4, 0.5)))
    plane = rng.uniform(0.4, 0.8) + 0.3 * (field(rng, size, 2.2) - 0.5)
    start = np.array([rng.uniform(0.2, 0.8), rng.uniform(0.35, 0.65)])
    x, y = grid(size)
    for _ in range(int(rng.integers(4, 12))):
        point, angle = start.copy(), rng.uniform(0, 2 * np.pi)
        for _ in range(14):
            angle += rng.normal(0, 0.3)
            point = point + 0.035 * np.array([np.cos(angle), np.sin(angle)])
            plane -= rng.uniform(0.1, 0.3) * np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / 0.0004)
    plane += rng.uniform(0, 0.5) * np.exp(-(((x - start[0]) ** 2 + (y - start[1]) ** 2) / 0.004))
    return _acquire(rng, np.where(disc < 1, np.clip(plane, 0, None), 0.0))


def spot(rng: Rng) -> Plane:
    """A dark or bright irregular patch on an even background: skin, a plate, a coin or a fruit."""
    size = shape(rng)
    ground = rng.uniform(0.4, 0.9) + 0.15 * (field(rng, size, 1.5) - 0.5)
    center, radii = (rng.uniform(0.35, 0.65), rng.uniform(0.35, 0.65)), (rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.4))
    patch = ellipse(size, center, radii) + rng.uniform(0, 0.6) * (field(rng, size, 2.0) - 0.5)
    inside = rng.uniform(0, 1) + rng.uniform(0.05, 0.5) * (field(rng, size, rng.uniform(1, 2)) - 0.5)
    weight = 1 / (1 + np.exp((patch - 1) * rng.uniform(5, 60)))
    return unit(blur(np.asarray(ground * (1 - weight) + inside * weight, np.float32), rng.uniform(1, 2)))
