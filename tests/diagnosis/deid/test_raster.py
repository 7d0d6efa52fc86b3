"""De-identification of images: no text of the metadata stays, and every pixel does."""

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageCms, PngImagePlugin, TiffImagePlugin

from diagnosis.deid import raster
from diagnosis.intake import previews
from ml import readers
from ml.contracts import Image, UnreadableImage
from ml.readers.raster.appearance import PROFILE
from tests import builders
from tests.ml.readers.raster.test_appearance import linear
from tests.ml.readers.raster.tiffs import tiff
from tests.verification.security import tried

WORD = "QDOEJANEZ"
STRIPPED = {"JPEG": "JPEG", "PNG": "PNG", "TIFF": "TIFF", "WEBP": "PNG", "BMP": "PNG", "GIF": "PNG"}


def clean(data: bytes, image: Image) -> raster.Cleaned:
    preview, _ = previews.render(image)
    return raster.clean(
        data,
        file_format=image.format,
        orientation=image.orientation,
        pixel_sha256=image.pixel_sha256(),
        preview=preview,
    )


def cleaned(data: bytes) -> tuple[raster.Cleaned, Image, Image]:
    before = readers.read(data)
    found = clean(data, before)
    assert readers.sniff(found.data) == found.format == STRIPPED[before.format]
    return found, before, readers.read(found.data)


def exif(orientation: int, word: str = WORD) -> Pillow.Exif:
    """With a description, an artist, a user comment and a place, besides the orientation."""
    block = Pillow.Exif()
    block[0x0112], block[0x010E], block[0x013B] = orientation, word, word
    block.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + word.encode()
    block.get_ifd(0x8825)[0x001D] = word
    return block


def profile(word: str) -> bytes:
    """An ICC profile whose description is the word."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made + word.encode() + word.encode("utf-16-be")


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def worded_png(image: Pillow.Image, orientation: int, word: str) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("PatientName", word)
    text.add_text("Comment", word, zip=True)
    text.add_itxt("XML:com.adobe.xmp", f"<x>{word}</x>", zip=True)
    stream = io.BytesIO()
    options: dict[str, Any] = {"icc_profile": profile(word)} if image.mode not in ("I", "I;16") else {}
    image.save(stream, "PNG", pnginfo=text, exif=exif(orientation, word), dpi=(300, 300), **options)
    data = stream.getvalue()
    end = data.rindex(b"IEND") - 4
    private = png_chunk(b"prVt", word.encode()) + png_chunk(b"tIME", b"\x07\xe8\x01\x02\x03\x04\x05")
    return data[:end] + private + data[end:] + word.encode()


def worded_jpeg(image: Pillow.Image, orientation: int, word: str) -> bytes:
    stream = io.BytesIO()
    thumbnail = builders.jpeg_bytes(builders.phantom(32))
    block = b"Exif\0\0" + exif(orientation, word).tobytes().removeprefix(b"Exif\0\0") + thumbnail
    image.save(stream, "JPEG", exif=block, comment=word, icc_profile=profile(word), quality=90)
    data = stream.getvalue()
    blocks = {0xE0: b"JFXX\0\x10" + thumbnail, 0xE1: b"http://ns.adobe.com/xap/1.0/\0", 0xED: b"Photoshop 3.0\0008BIM"}
    for marker in range(0xE0, 0xF0):
        body = blocks.get(marker, b"") + word.encode() + word.encode("utf-16-le")
        data = data[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + data[2:]
    return data + word.encode()


def worded_tiff(image: Pillow.Image, orientation: int, word: str) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432):
        tags[tag] = word
    tags[274], tags[700], tags[34377], tags[65000] = orientation, word.encode(), b"8BIM" + word.encode(), word
    tags.tagtype[700] = tags.tagtype[34377] = 7
    stream = io.BytesIO()
    image.save(stream, "TIFF", tiffinfo=tags, icc_profile=profile(word))
    return stream.getvalue() + word.encode()


def worded_webp(image: Pillow.Image, orientation: int, word: str) -> bytes:
    stream = io.BytesIO()
    options = {"exif": exif(orientation, word), "xmp": word.encode(), "icc_profile": profile(word)}
    image.save(stream, "WEBP", quality=80, **options)
    return stream.getvalue() + word.encode()


def worded_gif(image: Pillow.Image, orientation: int, word: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "GIF", comment=word, save_all=True, append_images=[image.rotate(90)])
    return stream.getvalue() + word.encode()


def worded_bmp(image: Pillow.Image, orientation: int, word: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "BMP")
    return stream.getvalue() + word.encode()


WRITERS: dict[str, tuple[Callable[[Pillow.Image, int, str], bytes], tuple[str, ...]]] = {
    "PNG": (worded_png, ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    "JPEG": (worded_jpeg, ("L", "RGB", "CMYK")),
    "TIFF": (worded_tiff, ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B", "I", "F", "CMYK", "LAB")),
    "WEBP": (worded_webp, ("RGB", "RGBA")),
    "GIF": (worded_gif, ("1", "L", "P", "RGB")),
    "BMP": (worded_bmp, ("1", "L", "P", "RGB")),
}
CASES = [(kind, mode) for kind, (_, modes) in WRITERS.items() for mode in modes]


def pattern(mode: str, width: int, height: int, *, seed: int, color: bool) -> Pillow.Image:
    rng = np.random.default_rng(seed)
    if mode in ("I;16", "I;16B"):
        plane = Pillow.fromarray(rng.integers(0, 65536, (height, width)).astype(np.uint16))
        return plane if mode == "I;16" else Pillow.frombytes("I;16B", plane.size, np.asarray(plane, ">u2").tobytes())
    if mode in ("I", "F"):
        dtype = np.int32 if mode == "I" else np.float32
        return Pillow.fromarray((rng.normal(0, 9e5, (height, width))).astype(dtype))
    channels = rng.integers(0, 256, (height, width, 4 if color else 1)).astype(np.uint8)
    rgba = Pillow.fromarray(np.broadcast_to(channels, (height, width, 4)).copy(), "RGBA")
    if mode == "LAB":
        return rgba.convert("RGB").convert("LAB")
    return rgba.convert(mode) if mode == "RGBA" or mode == "LA" else rgba.convert("RGB").convert(mode)


@pytest.mark.attack("identifiers")
@pytest.mark.parametrize(("kind", "mode"), CASES)
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(
    word=st.text("BCDFGHJKLMNPQRSTVWXYZ", min_size=8, max_size=12),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    orientation=st.integers(1, 8),
    seed=st.integers(0, 99),
    color=st.booleans(),
)
@pytest.mark.slow
def test_metadata_is_removed_and_pixels_stay(
    kind: str, mode: str, word: str, width: int, height: int, orientation: int, seed: int, color: bool
) -> None:
    tried()
    write, _ = WRITERS[kind]
    data = write(pattern(mode, width, height, seed=seed, color=color), orientation, word)
    assert word.encode() in data
    found, before, after = cleaned(data)
    for text in (word.encode(), word.encode("utf-16-le"), word.encode("utf-16-be"), word.encode("utf-32-le")):
        assert text not in found.data
    assert word not in repr(found.dropped)
    assert after.pixel_sha256() == before.pixel_sha256()
    assert (after.width, after.height, after.orientation) == (before.width, before.height, before.orientation)
    assert after.notes == tuple(note for note in before.notes if "images" not in note)


def png(header: bytes, *packed: bytes) -> bytes:
    body = b"".join(png_chunk(b"IDAT", part) for part in packed)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + body + png_chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("mode", "transparency"), [("L", 1), ("RGB", (1, 1, 1)), ("P", bytes([255, 128])), ("RGB", None), ("P", None)]
)
def test_only_what_is_transparent_stays_so(mode: str, transparency: Any) -> None:
    stream = io.BytesIO()
    options = {} if transparency is None else {"transparency": transparency}
    Pillow.fromarray(builders.phantom(64)).convert(mode).save(stream, "PNG", exif=exif(6), **options)
    with Pillow.open(io.BytesIO(cleaned(stream.getvalue())[0].data)) as stored:
        assert stored.info.get("transparency") == transparency


@pytest.mark.parametrize(
    ("mode", "kind"), [("LA", "PNG"), ("RGBA", "PNG"), ("P", "PNG"), ("LA", "TIFF"), ("RGBA", "TIFF"), ("RGBA", "WEBP")]
)
def test_nothing_is_kept_below_what_was_erased(mode: str, kind: str) -> None:
    """An eraser makes pixels transparent; what they showed is still in the file."""
    plane = builders.phantom(64)
    plane[10:20] = 30
    plane[12:18, 8:50:3] = 220
    opacity = np.full((64, 64), 255, np.uint8)
    opacity[10:20] = 0
    stream = io.BytesIO()
    if mode == "P":
        whole = Pillow.fromarray(plane).point([min(value, 249) for value in range(256)])
        indexes = np.where(opacity > 0, np.asarray(whole), np.where(plane > 100, 250, 251)).astype(np.uint8)
        erased = Pillow.fromarray(indexes).convert("P")
        erased.save(stream, kind, transparency=bytes([255] * 250 + [0, 0]))
    else:
        erased = Pillow.fromarray(plane).convert(mode)
        erased.putalpha(Pillow.fromarray(opacity))
        erased.save(stream, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    found, before, after = cleaned(stream.getvalue())
    np.testing.assert_array_equal(after.pixels, before.pixels)
    with Pillow.open(io.BytesIO(found.data)) as kept:
        assert np.asarray(kept.convert("RGBA").convert("RGB"))[10:20].max() == 0


def test_a_tiff_of_luma_and_chroma_is_stored_as_the_colors_that_it_shows() -> None:
    stream = io.BytesIO()
    pattern("YCbCr", 24, 16, seed=3, color=True).save(stream, "TIFF", tiffinfo={274: 6})
    found, before, after = cleaned(stream.getvalue())
    assert (after.pixel_sha256(), after.orientation) == (before.pixel_sha256(), 6)
    with Pillow.open(io.BytesIO(found.data)) as stored:
        assert stored.mode == "RGB"


def test_pixels_are_compared_without_a_second_plane() -> None:
    """The new file is held; what is decoded from it is copied a few rows at a time."""
    noise = np.random.default_rng(0).integers(0, 256, (2048, 2048), dtype=np.uint8)
    stream = io.BytesIO()
    Pillow.fromarray(noise).save(stream, "PNG", compress_level=0)
    data = stream.getvalue()
    known = readers.read(data).pixel_sha256()
    del noise, stream
    tracemalloc.start()
    try:
        raster.clean(data, file_format="PNG", orientation=1, pixel_sha256=known)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.6 * len(data)


def test_a_tiff_keeps_only_the_tags_that_describe_its_pixels() -> None:
    found, before, _ = cleaned(worded_tiff(Pillow.fromarray(builders.phantom(64)), 5, WORD))
    assert before.orientation == 5
    with Pillow.open(io.BytesIO(found.data)) as tiff:
        assert isinstance(tiff, TiffImagePlugin.TiffImageFile)
        assert set(tiff.tag_v2) <= {256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 339}
    assert found.dropped == ("Photoshop data", "XMP", "color profile", "text and other tags")


@pytest.mark.parametrize("kind", ["i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("big", [False, True])
def test_every_kind_of_tiff_sample_is_kept(kind: str, big: bool) -> None:
    plane = (builders.phantom(64)[:50] // 2).astype(kind)
    found, _, after = cleaned(tiff(builders.stored(plane, 6), t274=6, big=big, order=">", t65000=7))
    np.testing.assert_array_equal(after.pixels, plane.astype(after.pixels.dtype))
    assert found.dropped == ("text and other tags",)


@pytest.mark.parametrize("extra", [0, 1, 2])
@pytest.mark.parametrize("planar", [False, True])
def test_gray_with_opacity_is_kept(extra: int, planar: bool) -> None:
    plane = builders.phantom(64)
    cleaned(tiff(np.stack([plane, 255 - plane // 2], axis=2), planar=planar, t338=extra))


def test_color_of_16_bits_is_kept_in_8() -> None:
    plane = builders.rgb(builders.phantom(64)).astype(np.uint16) * 16
    plane[20:40, 20:40, 1:] = 0
    _, before, after = cleaned(tiff(plane))
    assert before.colored and after.colored


def test_what_a_color_profile_says_is_in_the_pixels() -> None:
    data = builders.encode(builders.rgb(builders.phantom(64)), "JPEG", icc_profile=linear(), quality=95)
    before = readers.read(data)
    assert before.notes == (PROFILE,)
    found = clean(data, before)
    assert found.format == "PNG"
    np.testing.assert_array_equal(readers.read(found.data).pixels, before.pixels)


def test_further_images_are_removed_and_reported() -> None:
    assert cleaned(builders.gif_bytes(frames=3))[0].dropped == ("further images",)
    stream = io.BytesIO()
    pages = [Pillow.fromarray(builders.phantom(40, seed=seed)) for seed in range(2)]
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    found, _, after = cleaned(stream.getvalue())
    assert found.dropped == ("further images",)
    assert after.notes == ()
    stream = io.BytesIO()
    pages[0].save(stream, "PNG", save_all=True, append_images=pages[1:])
    assert cleaned(stream.getvalue())[0].dropped == ("further images",)


def test_a_file_whose_pixels_would_change_is_refused() -> None:
    """As when a decoder reads something that was taken for metadata."""
    data = worded_png(Pillow.fromarray(builders.phantom(64, seed=2)), 1, WORD)
    other = readers.read(builders.png_bytes(builders.phantom(64, seed=1))).pixel_sha256()
    preview, _ = previews.render(readers.read(data))
    with pytest.raises(UnreadableImage) as caught:
        raster.clean(data, file_format="PNG", orientation=1, pixel_sha256=other, preview=preview)
    assert caught.value.code == "not_separable"


_SEEDS = [
    write(pattern(mode, 24, 16, seed=3, color=True), 6, WORD) for write, modes in WRITERS.values() for mode in modes
]


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.sampled_from(_SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.integers(0, 60),
)
def test_damaged_files_give_the_same_image_or_a_refusal(seed: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    hostile = builders.damaged(seed, changes, cut)
    try:
        before = readers.read(hostile)
        found = clean(hostile, before)
    except UnreadableImage:
        return
    assert readers.read(found.data).pixel_sha256() == before.pixel_sha256()


@pytest.mark.parametrize("length", [1, 7, 100, 65_536])
def test_pixels_in_many_chunks_are_all_read(length: int) -> None:
    plane = builders.phantom(128)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in plane))
    parts = [packed[at : at + length] for at in range(0, len(packed), length)]
    found, _, after = cleaned(png(struct.pack(">IIBBBBB", 128, 128, 8, 0, 0, 0, 0), *parts))
    np.testing.assert_array_equal(after.pixels, plane)
    assert found.dropped == ()
