"""A report's images as JPEG: small enough that a case of many scans stays a file that can be sent."""

import io
from collections.abc import Mapping
from typing import Any

from django.core.files.storage import default_storage
from PIL import Image as Pillow

from ml.evidence import drawing, localize

MAX_SIDE = 720
"""Pixels: 200 an inch at the 9 cm that an image is wide on paper."""

_QUALITY = 90


def plain(preview: str) -> bytes:
    """The preview with that storage name. Raises OSError if it cannot be read."""
    return _jpeg(_opened(preview).convert("L"))


def mapped(preview: str, stored: Mapping[str, Any]) -> bytes:
    """The preview with map, box and legend. Raises OSError if it cannot be read, ValueError without a map."""
    found = localize.restore(dict(stored))
    if found is None:
        raise ValueError("there is no evidence to draw")
    return _jpeg(drawing.overlay(_opened(preview), found))


def _opened(name: str) -> Pillow.Image:
    try:
        with default_storage.open(name, "rb") as file, Pillow.open(file) as image:
            image.thumbnail((MAX_SIDE, MAX_SIDE))
            image.load()
            return image
    except SyntaxError as error:  # as Pillow calls a PNG whose chunks are broken
        raise OSError(str(error)) from error


def _jpeg(image: Pillow.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()
