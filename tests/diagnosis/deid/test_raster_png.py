"""PNG files as they are stored: nothing but the chunks of the image, and the same pixels."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from diagnosis.deid import raster
from diagnosis.intake import previews
from ml import readers
from tests import builders
from tests.diagnosis.deid.test_raster import WORD, cleaned, pattern, png, png_chunk, worded_png


def chunks(data: bytes) -> list[bytes]:
    at, found = 8, []
    while at < len(data):
        found.append(data[at + 4 : at + 8])
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return found


def test_a_png_keeps_only_the_chunks_of_its_image() -> None:
    found, before, _ = cleaned(worded_png(Pillow.fromarray(builders.phantom(64)).convert("P"), 6, WORD))
    assert before.orientation == 6
    assert sorted(set(chunks(found.data))) == [b"IDAT", b"IEND", b"IHDR", b"PLTE", b"eXIf"]
    at = found.data.index(b"eXIf")
    assert int.from_bytes(found.data[at - 4 : at]) < 40
    assert found.dropped == ("EXIF", "color profile", "other data", "text", "time", "trailing bytes")


@pytest.mark.attack("identifiers")
@pytest.mark.parametrize("hidden", ["more rows", "behind the stream", "a chunk of its own"])
def test_bytes_hidden_behind_a_pngs_pixels_are_removed(hidden: str) -> None:
    plane = builders.phantom(16)
    raw = b"".join(b"\0" + row.tobytes() for row in plane)
    header, word = struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0), WORD.encode()
    data = {
        "more rows": png(header, zlib.compress(raw + word * 9, 0)),
        "behind the stream": png(header, zlib.compress(raw) + word),
        "a chunk of its own": png(header, zlib.compress(raw), word),
    }[hidden]
    assert word in data
    found, _, after = cleaned(data)
    np.testing.assert_array_equal(after.pixels, plane)
    assert found.format == "PNG"
    at = found.data.index(b"IDAT")
    length = int.from_bytes(found.data[at - 4 : at])
    stream = zlib.decompressobj()
    unpacked = stream.decompress(found.data[at + 4 : at + 4 + length])
    assert (len(unpacked), stream.unused_data, word in unpacked) == (len(raw), b"", False)
    assert found.data[at + 4 + length + 4 :] == png_chunk(b"IEND", b"")


@pytest.mark.parametrize("extra", [b"", png_chunk(b"tRNS", b"\x80\x40")])
def test_pixels_beyond_the_end_of_a_pngs_palette_stay(extra: bytes) -> None:
    plane = np.arange(256, dtype=np.uint8).reshape(16, 16)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in plane))
    data = png(struct.pack(">IIBBBBB", 16, 16, 8, 3, 0, 0, 0), packed)
    at = data.index(b"IDAT") - 4
    data = data[:at] + png_chunk(b"PLTE", bytes(range(100, 130))) + extra + data[at:]
    _, before, after = cleaned(data)
    assert len(np.unique(before.pixels)) > 2
    np.testing.assert_array_equal(after.pixels, before.pixels)


@pytest.mark.parametrize("colors", [8, 9, 10])
def test_only_a_palette_that_is_too_short_is_given_up(colors: int) -> None:
    """Pixels up to 9: with eight or nine colors the last pixels lie beyond the end."""
    plane = np.arange(10, dtype=np.uint8).reshape(2, 5)
    data = png(
        struct.pack(">IIBBBBB", 5, 2, 8, 3, 0, 0, 0), zlib.compress(b"".join(b"\0" + r.tobytes() for r in plane))
    )
    at = data.index(b"IDAT") - 4
    found, before, after = cleaned(data[:at] + png_chunk(b"PLTE", bytes(range(100, 100 + 3 * colors))) + data[at:])
    np.testing.assert_array_equal(after.pixels, before.pixels)
    with Pillow.open(io.BytesIO(found.data)) as stored:
        assert stored.mode == ("P" if colors == 10 else "RGB")


def test_a_png_of_a_repeated_pattern_does_not_grow() -> None:
    tile = np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)
    data = builders.png_bytes(np.tile(tile, (20, 20)))
    found, before, after = cleaned(data)
    assert len(found.data) < 1.5 * len(data)
    np.testing.assert_array_equal(after.pixels, before.pixels)


@pytest.mark.parametrize(("mode", "side", "as_shown"), [("L", 300, True), ("L", 1200, False), ("RGB", 300, False)])
def test_a_gray_png_that_is_shown_whole_is_encoded_once(mode: str, side: int, as_shown: bool) -> None:
    stream = io.BytesIO()
    pattern(mode, side, side, seed=3, color=False).save(stream, "PNG")
    image = readers.read(stream.getvalue())
    preview, _ = previews.render(image)
    found = raster.clean(
        stream.getvalue(), file_format="PNG", orientation=1, pixel_sha256=image.pixel_sha256(), preview=preview
    )
    assert (found.data is preview) is as_shown  # encoding it again would give the same bytes


def test_an_interlaced_png_gives_the_same_pixels() -> None:
    """Adam7, 11 x 5: each pass has rows of its own."""
    plane = builders.phantom(11)[:5]
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = [row for x, y, dx, dy in passes for row in plane[y::dy, x::dx] if row.size]
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    found, before, after = cleaned(png(struct.pack(">IIBBBBB", 11, 5, 8, 0, 0, 0, 1), packed))
    np.testing.assert_array_equal(before.pixels, plane)
    np.testing.assert_array_equal(after.pixels, plane)
    assert found.dropped == ()
