"""PNG with several 16-bit channels (gray with alpha, RGB, RGBA), of which Pillow alone keeps the upper bytes."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.readers.raster import deep

_WHOLE = {"LA;16B": 2, "RGB;16B": 3, "RGBA;16B": 4}
"""Number of channels, by the layout in which Pillow decodes such a file."""


def deep_layout(image: Pillow.Image) -> str | None:
    """Of an opened PNG, of which nothing is decoded yet: the layout with which `read` is to be called, if it must."""
    tile = getattr(image, "tile", ())
    return str(tile[0].args) if tile and tile[0].args in _WHOLE else None


def read(data: bytes, layout: str) -> tuple[Pillow.Image, tuple[str, ...]]:
    """The image, and notes on it; see `deep.image`. Raises whatever Pillow raises."""
    channels = [plane.astype(np.uint16) for plane in _channels(data, layout)]
    many = _WHOLE[layout]
    opacity = channels.pop() if many in (2, 4) else None
    return deep.image(channels, opacity, bits=16)


def _channels(data: bytes, layout: str) -> list[NDArray[Any]]:
    """Each channel's upper and lower bytes, decoded apart: Pillow can be told which of the two to keep."""
    if layout == "LA;16B":  # as many bytes as RGBA with 8 bits, so it can be decoded as that
        planes = _decoded(data, "RGBA", "RGBA").astype(np.uint16)
        return [planes[..., at] << 8 | planes[..., at + 1] for at in (0, 2)]
    mode = layout.partition(";")[0]
    upper, lower = (_decoded(data, mode, f"{mode};16{end}").astype(np.uint16) for end in "BL")
    return [upper[..., at] << 8 | lower[..., at] for at in range(upper.shape[2])]


def _decoded(data: bytes, mode: str, layout: str) -> NDArray[np.uint8]:
    with Pillow.open(io.BytesIO(data), formats=["PNG"]) as image:
        image._mode = mode
        image.tile = [image.tile[0]._replace(args=layout)]
        return np.asarray(image)
