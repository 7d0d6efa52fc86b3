"""What is turned away before the network runs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import readers
from ml.contracts import MAX_COLOR_FRACTION, Image
from ml.inference import pixel_checks
from tests import builders


def image(pixels: np.ndarray) -> Image:
    return Image(pixels, "PNG", pixels.shape[1], pixels.shape[0])


def test_a_slice_is_accepted() -> None:
    verdict = pixel_checks.check(image(builders.phantom()))
    assert verdict.accepted
    assert verdict.reason is None
    assert verdict.message is None


@pytest.mark.parametrize("shape", [(8, 8), (63, 400), (400, 63), (1, 1)])
def test_too_small(shape: tuple[int, int]) -> None:
    verdict = pixel_checks.check(image(np.resize(builders.phantom(), shape)))
    assert (verdict.accepted, verdict.reason) == (False, "too_small")
    assert verdict.score == min(shape)
    assert verdict.threshold == pixel_checks.MIN_SIDE
    assert f"{shape[1]} × {shape[0]}" in str(verdict.message)


@pytest.mark.parametrize("shape", [(64, 300), (300, 64), (65_000, 70)])
def test_a_strip_is_refused_before_it_is_padded_to_a_square(shape: tuple[int, int]) -> None:
    verdict = pixel_checks.check(image(np.resize(builders.phantom(), shape)))
    assert (verdict.accepted, verdict.reason) == (False, "too_narrow")
    assert verdict.score == max(shape) / min(shape)
    assert verdict.threshold == pixel_checks.MAX_ASPECT
    assert f"{shape[1]} × {shape[0]}" in str(verdict.message)


def test_an_image_of_the_greatest_aspect_is_accepted() -> None:
    assert pixel_checks.check(image(np.resize(builders.phantom(), (64, 256)))).accepted


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((100, 100), np.uint8),
        np.full((100, 100), 255, np.uint8),
        np.full((100, 100), 4000, np.uint16),
        np.full((100, 100), -1e20, np.float32),
        np.zeros((100, 100), np.float32),
    ],
)
def test_blank(pixels: np.ndarray) -> None:
    verdict = pixel_checks.check(image(pixels))
    assert (verdict.accepted, verdict.reason) == (False, "blank")


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e25])
def test_contrast_is_relative_for_deep_images(scale: float) -> None:
    assert pixel_checks.check(image(builders.phantom().astype(np.float32) * np.float32(scale))).accepted


def test_a_dim_sixteen_bit_slice_is_accepted() -> None:
    dim = readers.read(builders.png_bytes(builders.phantom().astype(np.uint16)))
    assert pixel_checks.check(dim).accepted


def test_color_is_refused_and_a_tint_is_not() -> None:
    gray = builders.phantom()
    painted = builders.rgb(gray)
    painted[:, : gray.shape[1] // 4, 0] = 255  # a quarter of the width is red
    verdict = pixel_checks.check(readers.read(builders.png_bytes(painted)))
    assert (verdict.accepted, verdict.reason) == (False, "not_mri_color")
    assert verdict.score is not None and verdict.score > MAX_COLOR_FRACTION
    sepia = (builders.rgb(gray) * (1.0, 0.9, 0.75)).astype(np.uint8)
    assert pixel_checks.check(readers.read(builders.png_bytes(sepia))).accepted


def test_a_colored_label_is_no_colored_image() -> None:
    labeled = builders.rgb(builders.phantom())
    labeled[4:20, 4:60] = (255, 220, 0)
    assert pixel_checks.check(readers.read(builders.png_bytes(labeled))).accepted


def marked(kind: str) -> np.ndarray:
    """The slice with something colored over the head."""
    pixels = builders.rgb(builders.phantom())
    if kind == "box":
        for y, x in ((slice(90, 130), (120, 160)), ((90, 130), slice(120, 160))):
            pixels[y, x] = (255, 0, 0)
    elif kind == "crosshair":
        pixels[128, 20:230] = pixels[20:230, 128] = (0, 90, 255)
    elif kind == "arrow":
        for step in range(8):
            pixels[100 + step, 90 - step // 2 : 92 + step // 2] = (255, 230, 0)
    else:  # a heat map, half transparent
        y, x = np.mgrid[0:256, 0:256]
        weight = 0.5 * np.exp(-((x - 150) ** 2 + (y - 110) ** 2) / 600)[..., None]
        pixels = (pixels * (1 - weight) + np.array((255, 40, 0)) * weight).astype(np.uint8)
    return pixels


@pytest.mark.parametrize("kind", ["box", "crosshair", "arrow", "heat map"])
@pytest.mark.parametrize("file", ["PNG", "JPEG"])
def test_a_colored_mark_over_the_head_is_no_anatomy(kind: str, file: str) -> None:
    verdict = pixel_checks.check(readers.read(builders.encode(marked(kind), file)))
    assert (verdict.accepted, verdict.reason) == (False, "not_mri_color")
    assert verdict.score is not None and verdict.threshold is not None and verdict.score > verdict.threshold
    assert "over the image" in str(verdict.message)


@pytest.mark.parametrize("file", ["PNG", "JPEG"])
def test_gray_in_a_color_file_has_no_mark(file: str) -> None:
    assert pixel_checks.check(readers.read(builders.encode(builders.rgb(builders.phantom()), file))).accepted


def test_flat_shades_are_a_drawing() -> None:
    drawing = np.full((200, 200), 255, np.uint8)
    drawing[40:160, 40:160] = 90
    drawing[90:110, 20:180] = 0
    verdict = pixel_checks.check(image(drawing))
    assert (verdict.accepted, verdict.reason) == (False, "not_mri_drawing")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_mask_is_a_drawing_at_any_depth(dtype: type) -> None:
    mask: np.ndarray = (builders.phantom() > 60).astype(dtype) * (1 if dtype is np.float32 else np.iinfo(dtype).max)
    assert pixel_checks.check(image(mask.astype(dtype))).reason == "not_mri_drawing"


def test_signed_values_stored_from_32768_up_are_not_blank() -> None:
    assert pixel_checks.check(image(builders.phantom().astype(np.uint16) + 32768)).accepted


def test_a_small_slice_on_a_wide_black_page_is_no_drawing() -> None:
    page = np.zeros((900, 900), np.uint8)
    page[400:528, 400:528] = builders.phantom(128)
    assert pixel_checks.check(image(page)).accepted


@given(
    st.tuples(st.integers(1, 300), st.integers(1, 300)), st.sampled_from(["u1", "u2", "f4"]), st.integers(0, 2**32 - 1)
)
@settings(max_examples=40, deadline=None)
def test_any_image_gets_a_verdict_with_a_sentence(shape: tuple[int, int], kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plane = rng.random(shape) ** rng.uniform(0.1, 9)
    scale = {"u1": 255.0, "u2": 65535.0, "f4": float(rng.choice([1e-30, 1.0, 1e29]))}[kind]
    verdict = pixel_checks.check(image((plane * scale).astype(kind)))
    assert verdict.accepted == (verdict.reason is None) == (verdict.message is None)
    assert verdict.score is not None and np.isfinite(verdict.score)
