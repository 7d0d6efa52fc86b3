"""VOI LUT functions as PS3.3 C.11.2.1.2 and C.11.2.1.3 define them, and windows that show nothing."""

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from ml.readers.dicom import windows

RAMP = np.arange(-600.0, 601.0).reshape(1, -1)


def attributes(**values: Any) -> Dataset:
    dataset = Dataset()
    for name, value in values.items():
        setattr(dataset, name, value)
    return dataset


def applied(window: int | None = 0, plane: np.ndarray = RAMP, **values: Any) -> tuple[np.ndarray, str]:
    shown, (step,) = windows.apply(plane, attributes(**values), window)
    return shown, step


@pytest.mark.parametrize(
    ("function", "width", "edges"),
    [
        ("LINEAR", 201, (-100, 100)),  # black up to c - 0.5 - (w - 1)/2, white above c - 0.5 + (w - 1)/2
        ("LINEAR_EXACT", 200, (-100, 100)),  # black up to c - w/2, white above c + w/2
        ("linear_exact", 200, (-100, 100)),
    ],
)
def test_a_linear_window_is_black_below_and_white_above(function: str, width: int, edges: tuple[int, int]) -> None:
    center = 0.5 if function == "LINEAR" else 0
    shown, step = applied(WindowCenter=center, WindowWidth=width, VOILUTFunction=function)
    assert step == "window 1 of 1"
    assert shown[edges[0] >= RAMP].max() == 0
    assert shown[edges[1] <= RAMP].min() == 1
    assert shown[RAMP == 0] == pytest.approx(0.5)


def test_a_sigmoid_window() -> None:
    shown, _ = applied(WindowCenter=100, WindowWidth=400, VOILUTFunction="SIGMOID")
    np.testing.assert_allclose(shown, 1 / (1 + np.exp(-4 * (RAMP - 100) / 400)))


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
def test_a_width_below_one_is_allowed_where_the_standard_allows_it(function: str) -> None:
    unit = RAMP / 1200 + 0.5
    shown, step = applied(plane=unit, WindowCenter=0.5, WindowWidth=0.8, VOILUTFunction=function)
    assert step == "window 1 of 1"
    assert (np.diff(shown) >= 0).all()
    assert 0 <= shown.min() < 0.1 < 0.9 < shown.max() <= 1


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "the file has no window"),
        ({"WindowCenter": 0, "WindowWidth": 0}, "the window in the file is unusable"),
        ({"WindowCenter": 0, "WindowWidth": 0.5}, "the window in the file is unusable"),
        ({"WindowCenter": 0, "WindowWidth": -5}, "the window in the file is unusable"),
        ({"WindowCenter": 0, "WindowWidth": 0, "VOILUTFunction": "SIGMOID"}, "the window in the file is unusable"),
        ({"WindowCenter": [1, 2], "WindowWidth": 5}, "the file has no window"),
        ({"WindowCenter": 0, "WindowWidth": 1}, "the window in the file shows nothing"),
        ({"WindowCenter": 9000, "WindowWidth": 2}, "the window in the file shows nothing"),
        ({"WindowCenter": 0, "WindowWidth": 3}, "the window in the file shows nothing"),
    ],
)
def test_a_window_that_shows_nothing_is_replaced_by_the_full_range(values: dict[str, Any], why: str) -> None:
    """A width of 1 is a threshold: all that is left of a slice is black and white."""
    shown, step = applied(**values)
    np.testing.assert_array_equal(shown, RAMP)
    assert step == f"full range; {why}"


def test_the_window_asked_for() -> None:
    two: dict[str, Any] = {"WindowCenter": [0, 100], "WindowWidth": [400, 600]}
    assert applied(1, **two)[1] == "window 2 of 2"
    assert applied(5, **two)[1] == "window 2 of 2"
    assert applied(None, **two)[1] == "full range"


def lut(data: list[int], first: int = 0) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS", [len(data), first, 16])
    item.add_new("LUTData", "US", data)
    return item


def test_a_voi_lut_comes_before_a_window_and_one_that_shows_nothing_is_not_used() -> None:
    dataset: dict[str, Any] = {"PixelRepresentation": 1, "BitsStored": 16, "WindowCenter": 0, "WindowWidth": 400}
    shown, step = applied(VOILUTSequence=[lut(list(range(0, 400, 4)))], **dataset)
    assert step == "VOI LUT 1"
    assert (shown.min(), shown.max()) == (0, 396)
    assert applied(VOILUTSequence=[lut([7] * 100)], **dataset)[1] == "full range; the VOI LUT in the file shows nothing"
    assert applied(VOILUTSequence=[Dataset()], **dataset)[1] == "full range; the VOI LUT in the file is unusable"
