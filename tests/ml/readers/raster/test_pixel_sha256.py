"""A digest of the pixels that is taken row by row is the one of the whole image."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from ml import readers
from ml.readers import raster

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def saved(mode: str, **options: Any) -> bytes:
    """A PNG taller than a strip, with gray left and color right if the mode has any."""
    values = np.random.default_rng(1).integers(0, 256, (600, 70, 3), dtype=np.uint8)
    values[:, :35] = values[:, :35, :1]
    if mode == "I;16":
        image = Pillow.fromarray(values[..., 0].astype(np.uint16) * 257)
    else:
        image = Pillow.fromarray(values).convert(mode)
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def turned() -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return saved("L", exif=exif)


@pytest.mark.parametrize("data", [*(saved(mode) for mode in MODES), saved("P", transparency=3), turned()])
def test_it_is_the_digest_of_the_whole_image(data: bytes) -> None:
    found = raster.pixel_sha256(data, file_format="PNG", max_pixels=readers.MAX_PIXELS)
    assert found == readers.read(data).pixel_sha256()


def test_it_depends_on_color_and_orientation() -> None:
    found = {
        raster.pixel_sha256(one, file_format="PNG", max_pixels=10**6) for one in (saved("L"), saved("RGB"), turned())
    }
    assert len(found) == 3
