"""The PNG preview and thumbnail that browsers show, rendered once at intake from the decoded pixels.

The original is never sent inline, so a browser never interprets bytes that an uploader chose.
"""

import io
import zlib

import numpy as np
from PIL import Image as Pillow

from ml import readers
from ml.contracts import Image
from ml.preprocess import robust_range

PREVIEW_SIDE = 1024
THUMBNAIL_SIDE = 96
_FLAT = 1e-30
"""Range of gray values below which there is nothing to show. Maps in SI units have ranges of 1e-9."""


def render(image: Image) -> tuple[bytes, bytes]:
    """PNG bytes of the preview (at most 1024 pixels a side) and the thumbnail (at most 96).

    8-bit images keep their gray levels; deeper ones are scaled from their 0.5th and 99.5th percentile.
    """
    drawn = Pillow.fromarray(_eight_bit(image))
    drawn.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Pillow.Resampling.BILINEAR)
    preview = _png(drawn)
    drawn.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Pillow.Resampling.BILINEAR)
    return preview, _png(drawn)


def jpeg(preview: bytes) -> bytes:
    """A preview as JPEG, a fraction of its size: to be looked at, never to be judged."""
    buffer = io.BytesIO()
    with Pillow.open(io.BytesIO(preview)) as drawn:
        drawn.convert("L").save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def windowed(data: bytes, *, frame: int, window: int | None) -> bytes:
    """PNG bytes of a frame of a DICOM file under one of its windows; None: the full range of gray values.

    Raises UnreadableImage.
    """
    from ml.readers import dicom  # few requests need it, and it imports pydicom

    preview, _ = render(dicom.open_file(data, max_pixels=readers.MAX_PIXELS).image(frame, window=window))
    return preview


def _eight_bit(image: Image) -> np.ndarray:
    if image.pixels.dtype == np.uint8:
        return image.pixels
    plane = image.pixels.astype(np.float32)
    low, high = robust_range(plane)
    plane -= low  # in place: a copy would be as large as the image
    plane *= 255 / (high - low) if high - low > _FLAT else 0
    return plane.clip(0, 255, out=plane).astype(np.uint8)


def _png(drawn: Pillow.Image) -> bytes:
    buffer = io.BytesIO()
    # Run lengths only: noise repeats nothing, and searching it for repeats took most of an upload's time.
    drawn.save(buffer, "PNG", compress_type=zlib.Z_RLE)
    return buffer.getvalue()
