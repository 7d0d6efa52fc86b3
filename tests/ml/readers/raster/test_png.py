"""PNG with 16 bits a channel: gray stays as deep as it is, whatever the file calls it."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ml import readers
from tests import builders

DEEP = builders.phantom(90)[:70].astype(np.uint16) * 16 + 3
"""12 bits of signal."""


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(pixels: NDArray[Any], *chunks: bytes) -> bytes:
    """16 bits a channel, (height, width, channels), each row filtered by its left neighbor."""
    height, width, channels = pixels.shape
    raw = np.ascontiguousarray(pixels.astype(">u2")).view(np.uint8).reshape(height, width, 2 * channels)
    raw[:, 1:] -= raw[:, :-1].copy()
    rows = b"".join(b"\1" + row.tobytes() for row in raw)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    parts = (chunk(b"IHDR", header), *chunks, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_gray_keeps_16_bits(channels: int) -> None:
    pixels = np.repeat(DEEP[..., None], channels, axis=2)
    if channels in (2, 4):
        pixels[..., -1] = 65535
    image = readers.read(png(pixels))
    assert image.pixels.dtype == np.uint16
    np.testing.assert_array_equal(image.pixels, DEEP)
    assert not image.colored


@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_lies_over_black(channels: int) -> None:
    pixels = np.repeat(DEEP[..., None], channels, axis=2)
    pixels[..., -1] = 65535
    pixels[:, :30, -1] = 0
    image = readers.read(png(pixels))
    assert image.pixels[:, :30].max() == 0
    np.testing.assert_array_equal(image.pixels[:, 30:], DEEP[:, 30:])


def test_color_is_seen() -> None:
    pixels = np.repeat(DEEP[..., None], 3, axis=2)
    pixels[20:40, 30:50, 0] = 4095
    assert readers.read(png(pixels)).colored


def test_exif_orientation_is_applied() -> None:
    block = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    stored = np.repeat(np.rot90(DEEP, 1)[..., None], 3, axis=2)
    image = readers.read(png(stored, chunk(b"eXIf", block)))
    assert (image.orientation, image.width, image.height) == (6, 70, 90)
    np.testing.assert_array_equal(image.pixels, DEEP)
