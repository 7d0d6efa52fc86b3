"""What is turned away before the network runs."""

import numpy as np
import pytest

from ml import gate, readers
from ml.contracts import Image
from tests import builders


def image(pixels: np.ndarray) -> Image:
    return Image(pixels, "PNG", pixels.shape[1], pixels.shape[0])


def test_a_slice_is_accepted() -> None:
    verdict = gate.check(image(builders.phantom()))
    assert verdict.accepted
    assert verdict.reason is None
    assert verdict.message is None


@pytest.mark.parametrize("shape", [(8, 8), (63, 400), (400, 63), (1, 1)])
def test_too_small(shape: tuple[int, int]) -> None:
    verdict = gate.check(image(np.resize(builders.phantom(), shape)))
    assert (verdict.accepted, verdict.reason) == (False, "too_small")
    assert verdict.score == min(shape)
    assert verdict.threshold == gate.MIN_SIDE
    assert f"{shape[1]} × {shape[0]}" in str(verdict.message)


@pytest.mark.parametrize("shape", [(64, 300), (300, 64), (65_000, 70)])
def test_a_strip_is_refused_before_it_is_padded_to_a_square(shape: tuple[int, int]) -> None:
    verdict = gate.check(image(np.resize(builders.phantom(), shape)))
    assert (verdict.accepted, verdict.reason) == (False, "too_narrow")
    assert verdict.score == max(shape) / min(shape)
    assert verdict.threshold == gate.MAX_ASPECT
    assert f"{shape[1]} × {shape[0]}" in str(verdict.message)


def test_a_picture_of_the_greatest_aspect_is_accepted() -> None:
    assert gate.check(image(np.resize(builders.phantom(), (64, 256)))).accepted


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
    verdict = gate.check(image(pixels))
    assert (verdict.accepted, verdict.reason) == (False, "blank")


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e25])
def test_contrast_is_relative_for_deep_pictures(scale: float) -> None:
    assert gate.check(image(builders.phantom().astype(np.float32) * np.float32(scale))).accepted


def test_a_dim_sixteen_bit_slice_is_accepted() -> None:
    dim = readers.read(builders.png_bytes(builders.phantom().astype(np.uint16)))
    assert gate.check(dim).accepted
