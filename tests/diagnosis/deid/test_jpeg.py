"""What `jpeg.stripped` writes, byte for byte, and what it says it left out."""

import io
import struct

import numpy as np
import pytest
from PIL import Image as Pillow

from diagnosis.deid import jpeg

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
JFIF = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def plain(mode: str = "L") -> bytes:
    """A JPEG as Pillow writes it: SOI, JFIF or Adobe, and then only what draws."""
    values = np.random.default_rng(0).integers(0, 255, (16, 16, len(mode)), np.uint8).squeeze()
    out = io.BytesIO()
    Pillow.fromarray(values, mode=mode).save(out, "JPEG", quality=90)
    return out.getvalue()


def drawing(data: bytes) -> bytes:
    """What follows JFIF's segment."""
    start = SOI + segment(0xE0, JFIF)
    assert data.startswith(start)
    return data[len(start) :]


def test_a_file_without_metadata_is_unchanged() -> None:
    assert jpeg.stripped(plain(), orientation=1) == (plain(), frozenset())


def test_jfif_comes_first_and_the_orientation_after_it() -> None:
    whole, dropped = jpeg.stripped(plain(), orientation=6)
    assert whole == SOI + segment(0xE0, JFIF) + segment(0xE1, jpeg.exif(6)) + drawing(plain())
    assert dropped == frozenset()
    assert Pillow.open(io.BytesIO(whole)).getexif()[0x0112] == 6


def test_a_thumbnail_in_jfif_is_left_out_and_said() -> None:
    data = SOI + segment(0xE0, JFIF[:-2] + b"\x01\x01abc") + drawing(plain())
    assert jpeg.stripped(data, orientation=1) == (plain(), frozenset({"thumbnail"}))


def test_adobes_segment_keeps_its_transform_alone() -> None:
    data = plain("CMYK")
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")
    assert adobe in data
    longer = data.replace(adobe, segment(0xEE, b"Adobe\0\x65\1\2\3\4\0Jane Doe"))
    whole, dropped = jpeg.stripped(longer, orientation=1)
    assert whole == data
    assert dropped == frozenset()


def test_adobes_segment_alone_is_no_metadata() -> None:
    assert jpeg.stripped(plain("CMYK"), orientation=1) == (plain("CMYK"), frozenset())


@pytest.mark.parametrize("body", [b"Adobe\0\x64\0\0\0\0", b"Jane Doe, long enough"])
def test_another_segment_14_is_other_data(body: bytes) -> None:
    data = SOI + segment(0xE0, JFIF) + segment(0xEE, body) + drawing(plain())
    assert jpeg.stripped(data, orientation=1) == (plain(), frozenset({"other data"}))


@pytest.mark.parametrize(
    ("marker", "body", "name"),
    [
        (0xFE, b"Jane Doe", "comment"),
        (0xE1, b"Exif\0\0...", "EXIF"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>", "XMP"),
        (0xE2, b"ICC_PROFILE\0\1\1", "color profile"),
        (0xED, b"Photoshop 3.0\0", "Photoshop data"),
        (0xE2, b"MPF\0", "further images"),
        (0xE0, b"JFXX\0\x10", "thumbnail"),
        (0xE5, b"Jane Doe", "other data"),
    ],
)
def test_each_segment_that_is_left_out_is_named(marker: int, body: bytes, name: str) -> None:
    data = SOI + segment(0xE0, JFIF) + segment(marker, body) + drawing(plain())
    assert jpeg.stripped(data, orientation=1) == (plain(), frozenset({name}))


def test_bytes_behind_the_image_are_left_out_and_said() -> None:
    assert jpeg.stripped(plain() + b"Jane Doe", orientation=1) == (plain(), frozenset({"trailing bytes"}))


def test_whatever_is_left_out_before_and_after_jfif_is_named() -> None:
    data = SOI + segment(0xFE, b"Jane Doe") + segment(0xE0, JFIF) + segment(0xE1, b"Exif\0\0...") + drawing(plain())
    assert jpeg.stripped(data, orientation=1) == (plain(), frozenset({"comment", "EXIF"}))


def test_a_table_as_long_as_a_segment_can_be_is_copied() -> None:
    data = SOI + segment(0xE0, JFIF) + segment(0xDB, bytes(65_533)) + drawing(plain())
    assert jpeg.stripped(data, orientation=1) == (data, frozenset())
