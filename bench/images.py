"""Images to measure with: slices of the simulated samples, which pass the gate as a patient's do."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image as Pillow

from diagnosis import demo

SIDE = 512
"""Width and height in pixels, as in a clinical slice."""


def slices(count: int, *, seed: int = 0) -> Iterator[bytes]:
    """Distinct PNG files: axial slices with a lesion, each with its own noise.

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
        image = Pillow.fromarray((np.clip(plane, 0, 1) * 235).astype(np.uint8)).resize((SIDE, SIDE))
        noisy = np.asarray(image, np.float32) + drawn.normal(0, 4, (SIDE, SIDE))
        buffer = io.BytesIO()
        Pillow.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(buffer, "PNG")
        yield buffer.getvalue()


def heavy(megabytes: int, *, seed: int = 0) -> bytes:
    """A gray PNG just over `megabytes` (2^20 bytes) in size: noise, which does not compress."""
    side = int((megabytes * 1024 * 1024) ** 0.5)
    noise = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(noise).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()
