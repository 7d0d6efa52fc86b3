"""Files as they come: every format that is read, every kind of damage that is refused; nothing else comes out."""

import gzip
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from ml import readers
from ml.contracts import UnreadableImage
from tests import builders


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        readers.read(data)
    assert caught.value.message.endswith(".")
    return caught.value.code


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
def test_lossless_formats_give_the_pixels(kind: str) -> None:
    plane = builders.phantom(80)
    image = readers.read(builders.encode(plane, kind))
    assert image.format == kind
    assert image.pixels.dtype == np.uint8
    np.testing.assert_array_equal(image.pixels, plane)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_come_close(kind: str) -> None:
    plane = builders.phantom(80)
    image = readers.read(builders.encode(plane, kind, quality=95))
    assert np.abs(image.pixels.astype(int) - plane).mean() < 4


def test_a_path_is_read_like_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "scan.dat"
    file.write_bytes(builders.png_bytes())
    assert readers.read(file).pixel_sha256() == readers.read(builders.png_bytes()).pixel_sha256()
    assert readers.read(str(file)).format == "PNG"


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (f"{tmp_path}/absent.png", str(tmp_path)):
        with pytest.raises(UnreadableImage) as caught:
            readers.read(path)
        assert caught.value.code == "not_found"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (builders.TEXT, "text"),
        ("Überschrift\n".encode() * 500, "text"),
        (builders.SVG, "markup"),
        (b"\xef\xbb\xbf" + builders.SVG, "markup"),
        (builders.HTML, "markup"),
        (b"   \n<html>", "markup"),
        (b"%PDF-1.7 ...", "pdf"),
        (b"PK\x03\x04....", "archive"),
        (b"\x1f\x8b\x08....", "archive"),
        (b"MZ\x90\x00", "program"),
        (b"\x7fELF\x02", "program"),
        (b"\x00" * 128 + b"DICM" + b"\x00" * 64, "dicom_damaged"),
        (bytes(range(256)), "unknown_format"),
        (builders.polyglot("GIF"), "active_content"),
        (builders.polyglot("JPEG"), "active_content"),
        (builders.png_bytes() + builders.HTML, "active_content"),
        (builders.jpeg_bytes()[:2000], "truncated"),
        (builders.png_bytes()[:5000], "truncated"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 40, "damaged"),
        (b"\xff\xd8\xff\xe0 and nothing more", "truncated"),
    ],
)
def test_other_file_formats_are_refused_by_name(data: bytes, code: str) -> None:
    assert refusal(data) == code


def test_a_wrong_checksum_in_a_png_is_damage() -> None:
    data = bytearray(builders.png_bytes())
    data[-20] ^= 0xFF
    assert refusal(bytes(data)) in ("damaged", "truncated")


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: object, *args: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Pillow.Image, "load", never)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", never)
    assert refusal(builders.bomb_png()) == "too_many_pixels"
    assert refusal(builders.bomb_png(6000, 6000)) == "too_many_pixels"


def test_the_pixel_limit_is_the_callers() -> None:
    data = builders.png_bytes(builders.phantom(100))
    assert readers.read(data, max_pixels=10_000).pixels.shape == (100, 100)
    with pytest.raises(UnreadableImage, match="100 × 100"):
        readers.read(data, max_pixels=9_999)


def test_the_first_image_of_an_animation_is_read_and_noted() -> None:
    image = readers.read(builders.gif_bytes(frames=3))
    assert image.pixels.shape == (128, 128)
    assert any("3 images" in note for note in image.notes)


def test_sixteen_bits_are_kept() -> None:
    deep = builders.phantom(80).astype(np.uint16) * 257 + 3
    image = readers.read(builders.png_bytes(deep))
    assert image.pixels.dtype == np.uint16
    np.testing.assert_array_equal(image.pixels, deep)


def test_a_cmyk_jpeg_becomes_gray() -> None:
    plane = builders.phantom(80)
    image = readers.read(builders.encode(builders.rgb(plane), "JPEG", mode="CMYK", quality=95))
    assert np.abs(image.pixels.astype(int) - plane).mean() < 4
    assert any("CMYK" in note for note in image.notes)


@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA", "LA"])
def test_gray_is_the_same_in_any_mode(mode: str) -> None:
    plane = builders.phantom(80)
    image = readers.read(builders.encode(plane, "PNG", mode=mode))
    assert np.abs(image.pixels.astype(int) - plane).max() <= 1


def test_transparency_lies_over_black() -> None:
    rgba = np.full((70, 70, 4), 200, np.uint8)
    rgba[:, :35, 3] = 0
    pixels = readers.read(builders.png_bytes(rgba)).pixels
    assert pixels[:, :35].max() == 0
    assert pixels[:, 36:].min() > 100


def test_one_bit_images_are_black_and_white() -> None:
    image = readers.read(builders.encode((builders.phantom(80) > 90).astype(np.uint8) * 255, "PNG", mode="1"))
    assert set(np.unique(image.pixels)) == {0, 255}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = builders.phantom(96)[:, :72]
    image = readers.read(builders.exif_jpeg(upright, orientation))
    assert image.orientation == orientation
    assert (image.width, image.height) == ((72, 96) if orientation < 5 else (96, 72))
    assert np.abs(image.pixels.astype(int) - upright).mean() < 3
    assert bool(image.notes) == (orientation != 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_the_size_is_that_of_the_file_as_stored(kind: str, orientation: int) -> None:
    upright = builders.phantom(96)[:, :72]
    stored = builders.stored(upright, orientation)
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    words: dict[str, Any] = {"tiffinfo": {0x0112: orientation}} if kind == "TIFF" else {"exif": exif.tobytes()}
    if kind == "WEBP":
        words["lossless"] = True
    image = readers.read(builders.encode(stored, kind, **words))
    assert (image.width, image.height) == stored.shape[::-1]
    assert image.orientation == orientation
    np.testing.assert_array_equal(image.pixels, upright)


def test_an_invalid_orientation_is_ignored() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 77
    assert readers.read(builders.jpeg_bytes(exif=exif.tobytes())).orientation == 1


def test_the_pixel_digest_does_not_depend_on_the_format() -> None:
    plane = builders.phantom(80)
    digests = {readers.read(builders.encode(plane, kind)).pixel_sha256() for kind in ("PNG", "BMP", "TIFF")}
    assert len(digests) == 1


def test_different_images_have_different_digests() -> None:
    upright = builders.phantom(96)[:, :72]
    color = builders.rgb(upright)
    color[:60, :, 0] = 255
    image = Pillow.fromarray(color)
    gray = builders.encode(np.asarray(image.convert("L")))
    exif = Pillow.Exif()
    exif[0x0112] = 6
    turned = builders.encode(builders.stored(upright, 6), exif=exif.tobytes())
    both = [(builders.encode(upright), turned), (gray, builders.encode(color))]
    for plain, other in both:
        one, two = readers.read(plain), readers.read(other)
        np.testing.assert_array_equal(one.pixels, two.pixels)
        assert one.pixel_sha256() != two.pixel_sha256()


_SEEDS = [
    builders.png_bytes(builders.phantom(64)),
    builders.png_bytes(builders.phantom(64).astype(np.uint16) * 200),
    builders.jpeg_bytes(builders.phantom(64)),
    builders.exif_jpeg(builders.phantom(64), 6),
    builders.gif_bytes(frames=2, size=64),
    builders.encode(builders.phantom(64), "TIFF"),
    builders.encode(builders.phantom(64), "TIFF", compression="tiff_lzw"),
    builders.encode(builders.phantom(64), "BMP"),
    builders.encode(builders.phantom(64), "WEBP"),
]


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.sampled_from(_SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=12),
    cut=st.integers(0, 400),
)
def test_damaged_files_give_a_refusal_or_a_valid_image(seed: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    try:
        image = readers.read(builders.damaged(seed, changes, cut))
    except UnreadableImage:
        return
    assert image.pixels.ndim == 2
    assert image.pixels.dtype in (np.uint8, np.uint16, np.float32)
    assert np.isfinite(image.pixels).all()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    try:
        readers.read(data)
    except UnreadableImage:
        return
    Pillow.open(io.BytesIO(data)).load()  # whatever was read is an image to Pillow as well


def test_an_image_is_one_slice() -> None:
    opened = readers.open_file(builders.png_bytes())
    assert opened.frames == 1
    np.testing.assert_array_equal(opened.image(0).pixels, readers.read(builders.png_bytes()).pixels)
    with pytest.raises(IndexError):
        opened.image(1)


def test_dicom_and_nifti_are_opened_by_their_bytes() -> None:
    pixels = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    assert readers.read(builders.dicom_bytes(pixels)).format == "DICOM"
    made = nib.Nifti1Image(np.zeros((20, 30, 4), np.int16), np.diag([1, 1, 5, 1]))  # type: ignore[no-untyped-call]
    volume = made.to_bytes()
    for data in (volume, gzip.compress(volume)):
        opened = readers.open_file(data)
        assert opened.frames == 4
        assert opened.image(3).pixels.shape == (30, 20)
        with pytest.raises(UnreadableImage) as caught:
            readers.read(data)
        assert caught.value.code == "many_slices"


def test_raster_images_do_not_import_the_volume_readers(tmp_path: Path) -> None:
    file = tmp_path / "slice.png"
    file.write_bytes(builders.png_bytes())
    code = f"import sys; from ml import readers; readers.read({str(file)!r}); sys.exit('pydicom' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
