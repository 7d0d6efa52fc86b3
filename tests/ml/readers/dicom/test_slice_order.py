"""Where slices lie along their normal: order, shared locations, spacing and what is said of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.readers.dicom import slice_order
from ml.readers.dicom.geometry import SlicePosition, lying_at


@given(st.permutations([-7.5, 0.0, 2.5, 5.0, 12.5]))
def test_slices_are_ordered_by_rising_offset(offsets: list[float]) -> None:
    order = slice_order.viewing_order(offsets)
    assert [offsets[index] for index in order] == [-7.5, 0.0, 2.5, 5.0, 12.5]


def test_equal_offsets_keep_their_order() -> None:
    assert slice_order.viewing_order([2.0, 1.0, 2.0, 1.0]) == [1, 3, 0, 2]


@pytest.mark.parametrize("flip", [1, -1])
def test_the_upward_normal_is_the_same_whichever_way_the_normal_points(flip: int) -> None:
    assert SlicePosition((0, 0, 5), (1, 0, 0), (0, flip, 0)).upward_normal == (0, 0, 1)


def test_slices_less_than_a_hundredth_of_a_millimeter_apart_share_a_location() -> None:
    assert slice_order.locations([5.0, -5.0, 5.009, 5.02, 0.0]) == [2, 0, 2, 3, 1]


@pytest.mark.parametrize(
    ("offsets", "thickness", "found"),
    [
        ([0.0, 0.3, 5.0, 5.3], 4.0, [0, 0, 1, 1]),
        ([0.0, 0.3, 5.0, 5.3], None, [0, 1, 2, 3]),
        ([0.0, 0.3, 0.6, 0.9], 6.0, [0, 1, 2, 3]),  # a thickness that cannot be true
        ([0.0, 0.3, 0.6, 1.6], 6.0, [0, 1, 2, 3]),
        ([0.0, 0.3], 4.0, [0, 1]),  # no other distance tells
        ([0.0], 4.0, [0]),
    ],
)
def test_slices_much_closer_than_they_are_thick_lie_at_one_location(
    offsets: list[float], thickness: float | None, found: list[int]
) -> None:
    assert slice_order.locations(offsets, thickness=thickness) == found


def test_normals_within_two_and_a_half_degrees_are_parallel_either_way() -> None:
    def tilted(degrees: float) -> np.ndarray:
        return np.array([0, np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])

    assert slice_order.parallel((0, 0, 1), [tilted(2.5), tilted(2.7), -tilted(2.5)]) == [0, 2]
    assert slice_order.parallel((0, 0, 1), []) == []


def test_one_slice_has_no_spacing_and_no_notes() -> None:
    assert slice_order.usual_spacing([4.0]) is None
    assert slice_order.spacing_notes([4.0]) == ()


@pytest.mark.parametrize(
    ("offsets", "notes"),
    [
        ([0, 5, 10, 15], ()),
        ([0, 5.1, 10, 15.2], ()),
        ([0, 5, 15, 20], ("Slices are missing in 1 place.",)),
        ([0, 5, 15, 20, 25, 45, 50], ("Slices are missing in 2 places.",)),
        ([0, 5, 12, 17, 22, 25.3], ("The spacing varies: from 3.3 to 7 mm between slices.",)),
        ([0, 5, 10, 15, 16], ("The spacing varies: from 1 to 5 mm between slices.",)),
    ],
)
def test_missing_slices_and_varying_spacing_are_told_apart(offsets: list[float], notes: tuple[str, ...]) -> None:
    assert slice_order.spacing_notes(offsets) == notes


@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1), st.floats(-200, 200))
def test_a_slice_of_which_only_normal_and_offset_are_known_lies_there(normal: tuple[float, ...], offset: float) -> None:
    unit = tuple(np.array(normal) / np.linalg.norm(normal))
    position = lying_at(unit, offset)
    assert np.allclose(position.normal, unit)
    assert slice_order.offset_along(unit, position) == pytest.approx(offset)


def test_thick_slabs_that_overlap_are_not_at_one_location_where_some_are_missing() -> None:
    offsets = [0.9 * number for number in (*range(20), *range(34, 60))]
    assert slice_order.locations(offsets, thickness=10) == list(range(46))
