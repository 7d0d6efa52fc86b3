"""Pictures to measure with: slices of the simulated samples, which the gate lets pass as it does a patient's."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image as Pillow

from diagnosis import demo

SIDE = 512
"""Width and height, pixels: what a clinical slice has."""


def slices(count: int, *, seed: int = 0) -> Iterator[bytes]:
    """PNG files, no two of the same pixels: axial slices with a lesion, each with a noise of its own.

    Raises diagnosis.demo.TemplateMissing.
    """
    drawn = np.random.default_rng(seed)
    volume = demo.load_template()
    lesion = demo.SAMPLES[1].lesion
    assert lesion is not None
    painted = demo.paint(volume, lesion)
    x, y, z = lesion.center
    for number in range(count):
        plane = demo.cut(painted, plane="axial", at=(x, y, z + 0.002 * (number % 9)))
        picture = Pillow.fromarray((np.clip(plane, 0, 1) * 235).astype(np.uint8)).resize((SIDE, SIDE))
        noisy = np.asarray(picture, np.float32) + drawn.normal(0, 4, (SIDE, SIDE))
        buffer = io.BytesIO()
        Pillow.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(buffer, "PNG")
        yield buffer.getvalue()


def heavy(megabytes: int, *, seed: int = 0) -> bytes:
    """A gray PNG of just over so many megabytes: noise, which nothing compresses."""
    side = int((megabytes * 1024 * 1024) ** 0.5)
    noise = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(noise).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()
