"""What browsers are shown of a scan: a PNG preview and a thumbnail, made once at intake from the decoded pixels.

The original is never sent inline, so no byte that an uploader chose is interpreted by a browser.
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


def render(image: Image) -> tuple[bytes, bytes]:
    """PNG bytes of the preview (at most 1024 pixels a side) and the thumbnail (at most 96).

    8-bit pictures keep their gray levels; deeper ones are windowed to their 0.5th to 99.5th percentile.
    """
    picture = Pillow.fromarray(_eight_bit(image))
    picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Pillow.Resampling.BILINEAR)
    preview = _png(picture)
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Pillow.Resampling.BILINEAR)
    return preview, _png(picture)


def windowed(data: bytes, frame: int, *, window: int | None) -> bytes:
    """PNG bytes of a DICOM file's frame under one of its windows; None: from the least gray value to the greatest.

    Raises UnreadableImage.
    """
    from ml.readers import dicom  # few requests ask for it, and it brings pydicom

    preview, _ = render(dicom.open_file(data, max_pixels=readers.MAX_PIXELS).image(frame, window=window))
    return preview


def _eight_bit(image: Image) -> np.ndarray:
    if image.pixels.dtype == np.uint8:
        return image.pixels
    plane = image.pixels.astype(np.float32)
    low, high = robust_range(plane)
    plane -= low  # in place: the copy is as large as the picture
    plane *= 255 / max(high - low, 1e-6)
    return plane.clip(0, 255, out=plane).astype(np.uint8)


def _png(picture: Pillow.Image) -> bytes:
    buffer = io.BytesIO()
    # Runs alone: a scan's noise repeats nothing else, and to search for it took most of an upload's time.
    picture.save(buffer, "PNG", compress_type=zlib.Z_RLE)
    return buffer.getvalue()
