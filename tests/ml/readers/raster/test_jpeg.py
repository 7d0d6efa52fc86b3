"""JPEG as it arrives: variants are named, and a file is whole if its pixels are."""

import io
import time

import numpy as np
import pytest
from PIL import Image as Pillow

from ml import readers
from ml.contracts import UnreadableImage
from ml.readers.raster import jpeg
from tests import builders

WHOLE = builders.jpeg_bytes(quality=85)
PROGRESSIVE = builders.jpeg_bytes(quality=85, progressive=True)
COLOR = builders.encode(builders.rgb(builders.phantom()), "JPEG", quality=85)


def refused(data: bytes) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        readers.read(data)
    return caught.value


@pytest.mark.parametrize("whole", [WHOLE, PROGRESSIVE, COLOR])
@pytest.mark.parametrize("end", [b"", b"\xff", b"\xff\x00\x00", bytes(600)])
def test_a_file_without_its_end_marker_is_read(whole: bytes, end: bytes) -> None:
    np.testing.assert_array_equal(readers.read(whole[:-2] + end).pixels, readers.read(whole).pixels)


@pytest.mark.parametrize("whole", [WHOLE, PROGRESSIVE, COLOR])
@pytest.mark.parametrize("lost", [40, 400, 3000])
def test_a_file_that_lacks_pixels_is_refused(whole: bytes, lost: int) -> None:
    assert refused(whole[:-lost]).code == "truncated"


def test_a_progressive_file_that_lacks_a_scan_is_refused() -> None:
    last = PROGRESSIVE.rindex(b"\xff\xda")
    tables = PROGRESSIVE[:last].rindex(b"\xff\xc4")
    assert refused(PROGRESSIVE[:tables]).code == "truncated"
    readers.read(PROGRESSIVE)


def framed(marker: int, *, precision: int = 8, channels: int = 1) -> bytes:
    """The image with another start of frame."""
    at = WHOLE.index(b"\xff\xc0")
    data = bytearray(WHOLE)
    data[at + 1], data[at + 4], data[at + 9] = marker, precision, channels
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (framed(0xC1, precision=12), "12 bits per sample"),
        (framed(0xC3), "lossless"),
        (framed(0xC5), "hierarchical"),
        (framed(0xCB), "lossless with arithmetic coding"),
        (framed(0xF7), "JPEG-LS"),
        (framed(0xC0, channels=2), "2 color channels"),
    ],
)
def test_a_variant_that_is_not_read_is_named(data: bytes, what: str) -> None:
    found = refused(data)
    assert found.code == "variant_not_read"
    assert f"{what}." in found.message
    assert "Save the image as PNG" in found.message


def test_an_image_in_too_many_passes_is_refused_before_the_first() -> None:
    assert readers.read(builders.jpeg_with_scans(jpeg.MAX_SCANS)).pixels.shape == (64, 64)
    started = time.process_time()
    found = refused(builders.jpeg_with_scans(6_000, size=512))
    assert time.process_time() - started < 2  # decoding it takes 20
    assert found.code == "too_many_scans"
    assert "6,000 passes" in found.message


def test_damage_stays_damage() -> None:
    assert refused(WHOLE[:200]).code == "truncated"
    assert refused(WHOLE[:2] + b"\xff\xc4\x00\x03\x00" + WHOLE[2:]).code == "damaged"


def test_a_restart_interval_does_not_hide_the_end() -> None:
    stream = io.BytesIO()
    Pillow.fromarray(builders.phantom()).save(stream, "JPEG", restart_marker_blocks=4)
    assert readers.read(stream.getvalue()[:-2]).pixels.shape == (256, 256)
    assert refused(stream.getvalue()[:-60]).code == "truncated"


@pytest.mark.parametrize("whole", [WHOLE, COLOR])
@pytest.mark.parametrize("lost", [300, 3000])
def test_a_cut_file_that_was_closed_with_an_end_marker_is_refused(whole: bytes, lost: int) -> None:
    assert refused(whole[:-lost] + b"\xff\xd9").code == "truncated"


def test_a_whole_image_that_ends_in_that_gray_is_read() -> None:
    plane = builders.phantom()
    plane[-32:, -32:] = 128
    assert readers.read(builders.jpeg_bytes(plane)).pixels[-1, -1] == 128
