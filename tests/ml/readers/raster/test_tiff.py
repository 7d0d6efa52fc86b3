"""TIFF as microscopes, ImageJ, MATLAB and Python write it: every kind of sample gives the slice's own gray values."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml import readers
from ml.contracts import UnreadableImage
from ml.inference import pixel_checks
from ml.readers import outliers
from ml.readers.raster.deep import NOT_FINITE
from ml.readers.raster.tiff import MAX_TILES
from tests import builders
from tests.ml.readers.raster.tiffs import tiff

SLICE = builders.phantom(90)[:70]


def refused(data: bytes) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        readers.read(data)
    return caught.value


def sample(kind: str) -> NDArray[Any]:
    """The slice in the middle of what a type can hold, so that a wrong sign or byte order shows."""
    values = SLICE.astype(np.float64)
    scaled = {"u1": values, "i1": values / 2 - 60, "u2": values * 250, "i2": values * 100 - 9000}
    if kind[0] == "f":
        return (values / 7 - 3).astype(kind)
    return scaled.get(kind, values * 5e6 + (1e9 if kind[0] == "u" else -7e8)).astype(kind)


KINDS = ["u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"]
STORED = [(kind, predictor) for kind in KINDS for predictor in ([0, 2, 3] if kind[0] == "f" else [0, 2])]


@pytest.mark.parametrize(("kind", "predictor"), STORED)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("tile", [0, 32])
def test_every_kind_of_sample_is_read(kind: str, order: str, big: bool, tile: int, predictor: int) -> None:
    plane = sample(kind)
    image = readers.read(tiff(plane, order=order, big=big, tile=tile, predictor=predictor))
    assert image.pixels.dtype == (kind if kind in ("u1", "u2") else np.float32)
    np.testing.assert_array_equal(image.pixels, plane.astype(image.pixels.dtype))
    assert image.notes == ()


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "f2", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_white_is_zero_is_shown_as_it_is_meant(kind: str, order: str) -> None:
    plane = sample(kind)
    negative = {"u": lambda: np.iinfo(kind).max - plane, "i": lambda: ~plane, "f": lambda: -plane}[kind[0]]()
    image = readers.read(tiff(negative, order=order, photometric=0))
    np.testing.assert_allclose(image.pixels, plane.astype(np.float64), rtol=1e-6)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_gray_in_three_channels_keeps_its_depth(kind: str, planar: bool) -> None:
    plane = sample(kind) + (np.arange(90) % 3).astype(kind)  # the lowest bits count
    image = readers.read(tiff(np.stack([plane] * 3, axis=2), planar=planar))
    np.testing.assert_array_equal(image.pixels, plane)
    assert image.color_fraction == 0


def test_twelve_bits_of_signal_in_a_color_file_are_no_flat_shades() -> None:
    faint = builders.rgb(SLICE).astype(np.uint16) * 6  # the upper byte of each would be 0 to 5
    assert pixel_checks.check(readers.read(tiff(faint))).accepted


@pytest.mark.parametrize(("extra", "shown"), [(0, 1.0), (1, 1.0), (2, 0.5)])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize(("kind", "half"), [("u1", 128), ("u2", 32768)])
def test_a_second_channel_is_opacity_where_the_file_says_so(
    extra: int, shown: float, planar: bool, kind: str, half: int
) -> None:
    plane = sample(kind)
    opacity = np.full_like(plane, half)
    image = readers.read(tiff(np.stack([plane, opacity], axis=2), planar=planar, t338=extra))
    np.testing.assert_allclose(image.pixels, plane * shown, atol=2)


def test_color_at_16_bits_is_seen() -> None:
    colored = builders.rgb(SLICE).astype(np.uint16) * 16
    colored[20:40, 30:60, 1:] = 0
    assert readers.read(tiff(colored)).colored


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_samples_that_share_bytes(bits: int) -> None:
    plane = SLICE.astype(np.uint16) * (2 ** (bits - 8))
    flags = (plane[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    rows = np.packbits(flags.astype(np.uint8).reshape(70, -1), axis=1)
    image = readers.read(tiff(rows, t256=90, t258=bits))
    np.testing.assert_array_equal(image.pixels, plane)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3.4e38, -3.4e38])
def test_nan_pixels_are_background(bad: float) -> None:
    plane = sample("f4")
    around = plane.copy()
    around[:, :20] = bad
    image = readers.read(tiff(around))
    assert NOT_FINITE in image.notes
    np.testing.assert_array_equal(image.pixels[:, 20:], plane[:, 20:])
    assert (image.pixels[:, :20] == plane[:, 20:].min()).all()


def test_a_file_of_nothing_but_nan_is_refused() -> None:
    assert refused(tiff(np.full((70, 70), np.nan, np.float32))).code == "not_finite"


@pytest.mark.parametrize("kind", ["u2", "f4", "f8"])
def test_hot_pixels_do_not_take_the_range(kind: str) -> None:
    hot = (SLICE.astype(np.float64) / 4).astype(kind)
    cold = hot.copy()
    hot[5, 5:9] = 60_000
    image = readers.read(tiff(hot))
    assert outliers.NOTE in image.notes
    assert image.pixels.max() < 70
    np.testing.assert_array_equal(image.pixels[10:], cold[10:].astype(image.pixels.dtype))


def test_gray_levels_survive_a_large_offset() -> None:
    """2**30 and a few: float32 alone would keep steps of 128."""
    plane = SLICE.astype(np.int32)
    pixels = readers.read(tiff(plane + 2**30)).pixels
    np.testing.assert_array_equal(pixels - pixels.min(), plane - plane.min())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation: int) -> None:
    upright = sample("f8")
    image = readers.read(tiff(builders.stored(upright, orientation), t274=orientation))
    np.testing.assert_array_equal(image.pixels, upright.astype(np.float32))
    assert (image.width, image.height) == ((90, 70) if orientation < 5 else (70, 90))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (tiff(sample("u2"), t259=34712), "JPEG 2000"),
        (tiff(sample("u2"), t259=34887), "LERC"),
        (tiff(sample("u1"), t259=34676), "SGI LogLuv"),
        (tiff(sample("u1"), t259=50001), "WebP"),
        (tiff(np.zeros((70, 70, 2), np.uint8), planar=True, t259=7), "JPEG"),
        (tiff(sample("u1"), t259=61234), "number 61234"),
        (tiff(sample("u2"), t259=7), "bits of a sample: 16"),
        (tiff(sample("u2"), photometric=32803), "color filters"),
        (tiff(np.zeros((70, 70, 4), np.float32), photometric=5), "CMYK"),
        (tiff(sample("f4"), t339=6), "bits of a sample: 32"),
        (tiff(np.stack([sample("u1")] * 3, axis=2), photometric=1, t338=(0, 0)), "BlackIsZero with 3 samples a pixel"),
        (tiff(np.stack([sample("u2")] * 4, axis=2), photometric=0), "WhiteIsZero with 4 samples a pixel"),
        (tiff(np.stack([sample("f4")] * 3, axis=2), photometric=1, planar=True), "with 3 samples a pixel"),
    ],
)
def test_a_variant_that_is_not_read_is_named(data: bytes, said: str) -> None:
    found = refused(data)
    assert found.code == "variant_not_read"
    assert said in found.message
    assert "Save it as" in found.message


def test_a_file_that_is_cut_off_is_refused() -> None:
    data = tiff(sample("f8"))
    shortened = data[:2000] + data[20_000:]
    assert refused(shortened).code in ("truncated", "damaged")
    assert refused(data[:300]).code == "damaged"


def test_a_claimed_size_is_refused_before_memory_is_taken() -> None:
    assert refused(tiff(sample("f8"), t256=60_000, t257=60_000)).code == "too_many_pixels"
    wide = tiff(np.zeros((70, 70), np.float64), tile=16, t322=16 * 2**24)
    assert refused(wide).code == "too_many_pixels"


def test_a_page_that_leads_back_to_itself_is_counted_once() -> None:
    data = bytearray(tiff(sample("u2")))
    start = int.from_bytes(data[4:8], "little")
    entries = int.from_bytes(data[start : start + 2], "little")
    data[start + 2 + 12 * entries : start + 6 + 12 * entries] = data[4:8]
    assert readers.read(bytes(data)).notes == ()


def test_an_image_in_too_many_strips_is_refused() -> None:
    stream = io.BytesIO()
    Pillow.new("L", (1, MAX_TILES + 1)).save(stream, "TIFF", tiffinfo={278: 1})
    found = refused(stream.getvalue())
    assert found.code == "too_many_tiles"
    assert "50,001" in found.message
