"""The one transform: shape, range, determinism, and the way back to the original image."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ml import readers
from ml.contracts import Image
from ml.preprocess import CHANNEL_MEANS_BGR, SIZE, preprocess, robust_range, to_network
from tests import builders


def image(pixels: np.ndarray, orientation: int = 1) -> Image:
    height, width = pixels.shape
    if orientation > 4:
        width, height = height, width
    return Image(pixels, "PNG", width, height, orientation)


def test_shape_type_and_range() -> None:
    square, _ = preprocess(image(builders.phantom(300)))
    assert square.shape == (SIZE, SIZE)
    assert square.dtype == np.float32
    assert square.min() >= 0
    assert 250 < square.max() <= 255


def test_the_network_gets_gray_in_three_channels_minus_the_means() -> None:
    squares = np.stack([preprocess(image(builders.phantom(100, seed=n)))[0] for n in range(2)])
    batch = to_network(squares)
    assert batch.shape == (2, SIZE, SIZE, 3)
    assert batch.dtype == np.float32
    for channel, mean in enumerate(CHANNEL_MEANS_BGR):
        np.testing.assert_allclose(batch[..., channel] + np.float32(mean), squares, atol=1e-4)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_image_gives_a_constant_square(value: int) -> None:
    square, _ = preprocess(image(np.full((90, 90), value, np.uint8)))
    assert np.ptp(square) == 0


def test_it_is_pure() -> None:
    pixels = builders.phantom(128)
    before = pixels.copy()
    first, second = preprocess(image(pixels))[0], preprocess(image(pixels))[0]
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(pixels, before)


def test_depth_does_not_matter() -> None:
    plane = builders.phantom(200)
    eight = preprocess(image(plane))[0]
    for other in (plane.astype(np.uint16) * 200, plane.astype(np.float32) * 1e-9, plane.astype(np.float32) * 1e25):
        np.testing.assert_allclose(preprocess(image(other))[0], eight, atol=0.05)


def test_empty_margins_are_cropped_away() -> None:
    plane = builders.phantom(200)
    wide = np.pad(plane, ((60, 140), (300, 20)))
    assert np.abs(preprocess(image(wide))[0] - preprocess(image(plane))[0]).mean() < 4


def test_a_point_comes_back_to_where_it_was() -> None:
    plane = np.pad(builders.phantom(200, lesion=False), ((30, 0), (0, 90)))
    plane[85:115, 95:125] = 255
    square, geometry = preprocess(image(plane))
    rows, columns = np.nonzero(square > 250)
    x, y = geometry.to_original((np.median(columns) + 0.5) / SIZE, (np.median(rows) + 0.5) / SIZE)
    assert x * plane.shape[1] == pytest.approx(110, abs=3)
    assert y * plane.shape[0] == pytest.approx(100, abs=3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_point_comes_back_to_the_stored_image(orientation: int) -> None:
    upright = builders.phantom(200, lesion=False)[:, :160]
    upright[80:92, 100:112] = 255
    decoded = readers.read(builders.exif_jpeg(upright, orientation))
    square, geometry = preprocess(decoded)
    rows, columns = np.nonzero(square > 245)
    keep = np.abs(columns - np.median(columns)) < 15
    x, y = geometry.to_original(np.median(columns[keep]) / SIZE, np.median(rows[keep]) / SIZE)
    marker = np.zeros((200, 160), np.uint8)
    marker[80:92, 100:112] = 255
    stored = builders.stored(marker, orientation)
    true_rows, true_columns = np.nonzero(stored)
    assert x * decoded.width == pytest.approx(true_columns.mean(), abs=5)
    assert y * decoded.height == pytest.approx(true_rows.mean(), abs=5)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(64, 300),
    width=st.integers(64, 300),
    u=st.floats(0.1, 0.9),
    v=st.floats(0.1, 0.9),
    orientation=st.integers(1, 8),
)
def test_geometry_undoes_crop_padding_and_turning(
    height: int, width: int, u: float, v: float, orientation: int
) -> None:
    sample = image(builders.phantom(300)[:height, :width], orientation)
    _, g = preprocess(sample)
    upright_x, upright_y = u * g.width, v * g.height
    x, y = (upright_x - g.x0 + g.pad_x) / g.side, (upright_y - g.y0 + g.pad_y) / g.side
    back = g.to_original(x, y)
    turned = {
        1: (u, v), 2: (1 - u, v), 3: (1 - u, 1 - v), 4: (u, 1 - v),
        5: (v, u), 6: (v, 1 - u), 7: (1 - v, 1 - u), 8: (1 - v, u),
    }[orientation]  # fmt: skip
    assert back == pytest.approx(turned, abs=1e-9)


samples = st.builds(
    lambda height, width, orientation: image(builders.phantom(300)[:height, :width], orientation),
    st.integers(64, 300),
    st.integers(64, 300),
    st.integers(1, 8),
)


@settings(max_examples=40, deadline=None)
@given(samples, st.floats(0, 1), st.floats(0, 1))
def test_from_the_upright_image_to_the_square_and_back(sample: Image, u: float, v: float) -> None:
    _, g = preprocess(sample)
    x, y = g.from_upright(u, v)
    assert replace(g, orientation=1).to_original(x, y) == pytest.approx((u, v), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(samples)
def test_the_square_is_where_the_squares_corners_are(sample: Image) -> None:
    _, g = preprocess(sample)
    x0, y0, x1, y1 = g.square()
    assert g.from_upright(x0, y0) == pytest.approx((0, 0), abs=1e-9)
    assert g.from_upright(x1, y1) == pytest.approx((1, 1), abs=1e-9)
    assert (x1 - x0) * g.width == pytest.approx((y1 - y0) * g.height)
    assert (x0 < 0 or y0 < 0) <= (g.pad_x > 0 or g.pad_y > 0)


def test_a_wide_image_has_its_padding_above_and_below() -> None:
    square, g = preprocess(image(np.tile(np.arange(300) % 2 * 200, (100, 1)).astype(np.uint8)))
    assert (g.pad_x, g.pad_y, g.side) == (0, 100, 300)
    assert g.square() == (0, -1, 1, 2)
    x, y = g.from_upright(0.5, 0)
    assert x == 0.5 and y == pytest.approx(1 / 3)
    assert not square[: SIZE // 3 - 2].any()
    assert square[SIZE // 3 + 2 : SIZE // 2].min() > 0


@settings(max_examples=80, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 90), st.integers(1, 90)),
        elements={"min_value": 0, "max_value": 255},
    )
    | hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 90), st.integers(1, 90)),
        elements=st.floats(-(2.0**99), 2.0**99, width=32),
    )
)
def test_any_plane_gives_numbers_in_range(pixels: np.ndarray) -> None:
    square, _ = preprocess(image(pixels))
    assert square.shape == (SIZE, SIZE)
    assert np.isfinite(square).all()
    assert square.min() >= -0.01
    assert square.max() <= 255.01


@pytest.mark.parametrize("seed", range(40))
def test_byte_percentiles_equal_numpys_to_the_last_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    side = rng.integers(1, 250, 2)
    plane = (rng.random(side) ** rng.integers(1, 9) * rng.integers(1, 257)).astype(np.uint8)
    expected = np.percentile(plane.astype(np.float32), (0.5, 99.5))
    assert robust_range(plane) == (float(expected[0]), float(expected[1]))
