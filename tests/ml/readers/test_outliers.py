"""Padding and hot pixels leave the range of an image to its tissue, and tissue is never taken for either."""

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from ml.contracts import Image
from ml.inference import pixel_checks
from ml.preprocess import robust_range
from ml.readers.outliers import without_outliers
from tests.builders import phantom


def slice_of(kind: Any = np.float32) -> np.ndarray:
    """A head of 16-bit values on a background of zero."""
    plane = phantom(128).astype(np.float32)
    return np.where(plane < 12, 0, plane * 4).astype(kind)


def outside(plane: np.ndarray) -> np.ndarray:
    """The air around the head of `slice_of`."""
    y, x = np.mgrid[0 : len(plane), 0 : len(plane)] / len(plane)
    radius: np.ndarray = np.hypot((x - 0.5) / 0.38, (y - 0.5) / 0.45)
    return radius >= 1


@pytest.mark.parametrize("value", [-1, -1000, -2000, -32768])
def test_negative_padding_becomes_the_darkest_of_the_other_pixels(value: int) -> None:
    plane = slice_of(np.int16)
    padded = np.where(outside(plane), value, plane).astype(np.int16)
    found = without_outliers(padded)
    assert found.dtype == np.int16
    assert found.min() == plane[~outside(plane)].min()
    np.testing.assert_array_equal(found[~outside(plane)], plane[~outside(plane)])


def test_padding_far_below_unsigned_values_is_found_too() -> None:
    plane = slice_of(np.uint16)
    shifted = np.where(outside(plane), 0, plane + 32768).astype(np.uint16)
    assert without_outliers(shifted).min() == 32768


def test_padding_may_be_softened_by_resampling() -> None:
    plane = slice_of()
    padded = np.where(outside(plane), -32768, plane).astype(np.float32)
    soft = padded.copy()
    edge = outside(plane)[:, 1:] != outside(plane)[:, :-1]
    soft[:, 1:][edge] = (padded[:, 1:] / 2 + padded[:, :-1] / 2)[edge]
    assert ((soft < -1000) & (soft > -32000)).any()
    assert without_outliers(soft).min() > -1.1 * plane.max()


def test_high_padding_around_the_image_becomes_dark() -> None:
    plane = slice_of(np.uint16)
    padded = np.where(outside(plane), 65535, plane).astype(np.uint16)
    found = without_outliers(padded)
    assert found.max() == plane.max()
    assert set(found[outside(plane)]) == {plane[~outside(plane)].min()}


@pytest.mark.parametrize("side", [10, 30])
def test_a_burned_in_mark_stays_the_brightest(side: int) -> None:
    """It covers more pixels than the percentiles of the stretch leave out."""
    plane = slice_of(np.uint16)
    marked = plane.copy()
    marked[5 : 5 + side, 5:30] = 65535
    found = without_outliers(marked)
    assert found.max() == found[6, 6] <= plane.max()
    assert robust_range(found)[1] < 1.2 * robust_range(plane)[1] < robust_range(marked)[1] / 10


@pytest.mark.parametrize("values", [(1e9,), (-1e9,), (32767.0,) * 40, (5e4, 3e7, 1e12), (1e20, -1e20)])
def test_hot_pixels_leave_image_and_stretch_alone(values: tuple[float, ...]) -> None:
    plane = slice_of()
    hot = plane.copy()
    places = np.random.default_rng(1).choice(plane.size, len(values), replace=False)
    hot.ravel()[places] = values
    found = without_outliers(hot)
    assert plane.min() <= found.min()
    assert found.max() <= plane.max()
    unharmed = np.delete(found.ravel(), places)
    np.testing.assert_array_equal(unharmed, np.delete(plane.ravel(), places))
    image = Image(found, "test", 128, 128)
    assert pixel_checks.check(image).accepted
    assert robust_range(found) == pytest.approx(robust_range(plane), rel=0.1, abs=1)


def test_a_row_of_different_hot_pixels_is_found() -> None:
    plane = slice_of()
    hot = plane.copy()
    hot[3] = np.linspace(20_000, 32_767, 128)
    found = without_outliers(hot)
    assert found.max() == plane.max()
    assert found[3].max() <= plane[2:5].max()


def test_specks_of_any_height_are_hot_pixels() -> None:
    """Many, between 6 and 30 times the image's own values, with no gap among them."""
    plane = slice_of()
    rng = np.random.default_rng(3)
    places = rng.choice(plane.size, 100, replace=False)
    hot = plane.copy()
    hot.ravel()[places] = rng.uniform(6_500, 30_000, 100)
    assert robust_range(hot)[1] > 5 * plane.max()
    found = without_outliers(hot)
    assert found.max() < 1.5 * plane.max()
    np.testing.assert_array_equal(np.delete(found, places), np.delete(plane, places))


@pytest.mark.parametrize("place", [(40, 40), (0, 0), (127, 60)])
def test_a_hot_pixel_takes_the_median_of_its_surroundings(place: tuple[int, int]) -> None:
    plane = slice_of()
    y, x = place
    hot = plane.copy()
    hot[place] = 1e7
    around = np.pad(plane, 1, "edge")[y : y + 3, x : x + 3].copy()
    around[1, 1] = plane.max()
    assert without_outliers(hot)[place] == pytest.approx(np.median(around), abs=12)


@pytest.mark.parametrize("times", [2, 5, 9])
@pytest.mark.parametrize("radius", [1, 3, 12])
def test_a_bright_tumor_keeps_its_brightness(times: int, radius: int) -> None:
    plane = slice_of()
    y, x = np.ogrid[:128, :128]
    plane[(y - 60) ** 2 + (x - 70) ** 2 <= radius**2] = times * np.percentile(plane, 98)
    assert without_outliers(plane) is plane


def test_bytes_flat_images_and_two_shades_are_left_alone() -> None:
    two = np.zeros((64, 64), np.float32)
    two[20:40, 20:40] = 1e6
    for plane in (np.eye(64, dtype=np.uint8) * 255, np.full((64, 64), 7.0), two, np.zeros((0, 0))):
        assert without_outliers(plane) is plane


def _cut(plane: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return np.where(plane < 12, 0, plane * 8)


def _noisy(plane: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.abs(plane * 20 + rng.normal(0, 3, plane.shape))


def _standardized(plane: np.ndarray, _: np.random.Generator) -> np.ndarray:
    standardized: np.ndarray = (plane - plane.mean()) / max(plane.std(), 1)
    return standardized


@pytest.mark.parametrize("deepened", [_cut, _noisy, _standardized])
@pytest.mark.slow
def test_slices_of_the_data_table_have_no_outliers(
    deepened: Callable[[np.ndarray, np.random.Generator], np.ndarray], real_data: Path
) -> None:
    with (real_data / "scans.csv").open(newline="") as table:
        paths = [row["path"] for row in csv.DictReader(table) if row["label"] != "not_brain_mri"]
    rng = np.random.default_rng(1)
    for path in random.Random(1).sample(paths, 150):
        with Pillow.open(real_data / path) as image:
            plane = deepened(np.asarray(image.convert("L"), np.float32), rng).astype(np.float32)
        assert without_outliers(plane) is plane, path
