"""JPEG files as they are stored: their own segments, byte for byte."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from diagnosis.deid import jpeg, raster
from ml import readers
from tests import builders
from tests.diagnosis.deid.test_raster import WORD, clean, cleaned, pattern, worded_jpeg


def test_a_jpeg_of_inks_whose_segments_cannot_be_followed_is_stored_as_it_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.BytesIO()
    pattern("CMYK", 24, 16, seed=3, color=True).save(stream, "JPEG", quality=90)
    monkeypatch.setattr(jpeg, "stripped", lambda *_, **__: 1 / 0)
    before = readers.read(stream.getvalue())
    found = clean(stream.getvalue(), before)
    assert (found.format, readers.read(found.data).pixel_sha256()) == ("PNG", before.pixel_sha256())


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}, {"optimize": True}])
def test_a_jpegs_scans_are_copied_byte_for_byte(options: dict[str, Any]) -> None:
    image = Pillow.fromarray(builders.phantom(96))
    plain = builders.encode(np.asarray(image), "JPEG", quality=90, **options)
    assert cleaned(plain)[0] == raster.Cleaned(plain, "JPEG", ())
    marked = plain[:2] + b"\xff\xfe\x00\x0b" + WORD.encode() + plain[2:] + WORD.encode()
    assert cleaned(marked)[0] == raster.Cleaned(plain, "JPEG", ("comment", "trailing bytes"))


def test_a_jpeg_keeps_only_the_segments_of_its_image() -> None:
    found, _, _ = cleaned(worded_jpeg(Pillow.fromarray(builders.phantom(96)), 6, WORD))
    assert found.dropped == (
        *("EXIF", "Photoshop data", "XMP", "color profile", "comment", "other data", "thumbnail", "trailing bytes"),
    )
    assert found.data.count(b"\xff\xd8\xff") == 1  # no image in the image
    assert len(found.data.partition(b"\xff\xdb")[0]) < 70


def test_a_jpeg_without_end_marker_is_stored_with_one() -> None:
    data = builders.jpeg_bytes()
    assert cleaned(data[:-2])[0].data == data


def test_a_jpeg_without_metadata_is_stored_as_it_is_and_not_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = builders.jpeg_bytes()
    before = readers.read(data)
    monkeypatch.setattr(readers, "read", lambda *_, **__: pytest.fail("read again"))
    assert clean(data, before).data is data
