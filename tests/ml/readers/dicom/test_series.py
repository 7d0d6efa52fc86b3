"""Slices of several files: grouped by series, direction and size, ordered by position."""

from typing import Any

import numpy as np

from ml.readers import dicom
from ml.readers.dicom.series import Slice, stacks
from tests import builders

AXIAL, CORONAL = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]


def file(
    series: str, position: list[float] | None, *, direction: list[float] = AXIAL, side: int = 8, **tags: Any
) -> dicom.Opened:
    if position is not None:
        tags |= {"ImagePositionPatient": position, "ImageOrientationPatient": direction}
    data = builders.dicom_bytes(np.zeros((side, side), np.uint16), SeriesInstanceUID=series, **tags)
    return dicom.open_file(data, max_pixels=10**6)


def numbers(found: tuple[Slice, ...]) -> list[int]:
    return [one.file for one in found]


def test_files_are_grouped_by_series_and_ordered_by_position() -> None:
    files = [file("1.2.3", [0, 0, z], InstanceNumber=n) for n, z in enumerate((20.0, 0.0, 10.0))]
    files.insert(1, file("1.2.9", [0, 0, 5]))
    one, other = stacks(files)
    assert (one.series, numbers(one.slices)) == ("1.2.3", [2, 3, 0])
    assert (one.spacing, one.orientation_letters, one.notes) == (10.0, ("R", "L", "A", "P"), ())
    assert (other.series, numbers(other.slices), other.spacing) == ("1.2.9", [1], None)


def test_planes_and_sizes_within_a_series_are_stacks_of_their_own() -> None:
    files = [
        file("1.2.3", [0, 0, 0]),
        file("1.2.3", [0, 0, 0], direction=CORONAL),
        file("1.2.3", [0, 0, 5]),
        file("1.2.3", [0, 0, 10], side=16),
        file("1.2.3", [0, -5, 0], direction=CORONAL),
    ]
    assert [numbers(stack.slices) for stack in stacks(files)] == [[0, 2], [4, 1], [3]]


def test_gaps_and_duplicates_are_noted() -> None:
    heights = (0.0, 5.0, 10.0, 10.0, 25.0, 30.0)
    (stack,) = stacks([file("1.2.3", [0, 0, z]) for z in heights])
    assert numbers(stack.slices) == [0, 1, 2, 4, 5]
    assert stack.notes == (
        "Left out, as another slice lies in the same place: 1.",
        "Slices are missing in 1 place.",
    )


def test_without_positions_the_order_is_that_of_the_files_and_noted() -> None:
    (stack,) = stacks([file("1.2.3", None) for _ in range(3)])
    assert numbers(stack.slices) == [0, 1, 2]
    assert "files' order" in stack.notes[0]
    (alone,) = stacks([file("1.2.3", None)])
    assert alone.notes == ()


def test_files_without_a_series_stand_alone() -> None:
    found = stacks([file("", [0, 0, z]) for z in (0.0, 1.0)])
    assert [numbers(stack.slices) for stack in found] == [[0], [1]]


def test_frames_of_one_file_are_slices() -> None:
    frames = np.zeros((3, 8, 8), np.uint16)
    opened = dicom.open_file(builders.dicom_bytes(frames), max_pixels=10**6)
    (stack,) = stacks([opened])
    assert stack.slices == (Slice(0, 0), Slice(0, 1), Slice(0, 2))
