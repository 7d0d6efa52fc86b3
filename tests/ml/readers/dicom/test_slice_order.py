"""The viewing order of slices, for files read together and for slices that arrive one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.readers.dicom import geometry, slice_order
from ml.readers.dicom.geometry import SlicePosition


def test_the_order_follows_positions_and_leaves_duplicates_out() -> None:
    heights = [5.0, -5.0, 0.0, 10.0, 0.001, 30.0]
    positions = [geometry.SlicePosition((0, 0, z), (1, 0, 0), (0, 1, 0)) for z in heights]
    found = slice_order.order_slices(positions)
    assert found.order == (1, 2, 0, 3, 5)
    assert found.duplicates == (4,)
    assert (found.spacing, found.gaps) == (5.0, 1)


@pytest.mark.parametrize("flip", [1, -1])
def test_stacks_run_upwards_whichever_way_the_normal_points(flip: int) -> None:
    positions = [geometry.SlicePosition((0, 0, z), (1, 0, 0), (0, flip, 0)) for z in (20.0, 0.0, 10.0)]
    assert slice_order.order_slices(positions).order == (1, 2, 0)


@given(st.permutations([-7.5, 0.0, 2.5, 5.0, 12.5]), st.sampled_from([1, -1]))
def test_slices_that_arrive_one_by_one_get_the_order_of_files_read_together(heights: list[float], flip: int) -> None:
    positions = [SlicePosition((3, 4, z), (1, 0, 0), (0, flip, 0)) for z in heights]
    together = slice_order.order_slices(positions)
    offsets = [slice_order.offset_along(positions[0].upward_normal, one) for one in positions]
    order = slice_order.viewing_order(offsets)
    assert tuple(order) == together.order
    assert slice_order.spacing_and_gaps([offsets[index] for index in order]) == (together.spacing, together.gaps)


def test_equal_offsets_keep_their_order() -> None:
    assert slice_order.viewing_order([2.0, 1.0, 2.0, 1.0]) == [1, 3, 0, 2]


def test_normals_within_two_and_a_half_degrees_are_parallel_either_way() -> None:
    def tilted(degrees: float) -> np.ndarray:
        return np.array([0, np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])

    assert slice_order.is_parallel((0, 0, 1), tilted(2.5)) and slice_order.is_parallel((0, 0, 1), -tilted(2.5))
    assert not slice_order.is_parallel((0, 0, 1), tilted(2.7))


def test_one_slice_has_no_spacing_and_no_gaps() -> None:
    assert slice_order.spacing_and_gaps([4.0]) == (None, 0)


def test_a_sentence_on_gaps() -> None:
    assert slice_order.gaps_note(0) == ()
    assert slice_order.gaps_note(1) == ("Slices are missing in 1 place.",)
    assert slice_order.gaps_note(2) == ("Slices are missing in 2 places.",)
