"""Letters at an image's edges and at the ends of a series, and the plane that they mean."""

from typing import Any

import nibabel as nib
import numpy as np
import pytest

from ml.readers.dicom.geometry import lying_at
from ml.readers.orientation import edge_letters, plane_name, slice_ends
from ml.readers.volumes import nifti


@pytest.mark.parametrize(
    ("row", "column", "letters", "plane"),
    [
        ((1, 0, 0), (0, 1, 0), "RLAP", "axial"),
        ((-1, 0, 0), (0, 1, 0), "LRAP", "axial"),
        ((1, 0, 0), (0, 0, -1), "RLHF", "coronal"),
        ((0, 1, 0), (0, 0, -1), "APHF", "sagittal"),
        ((0.9, -0.4, 0.1), (0.1, 0.2, 0.97), "RLFH", "coronal"),
    ],
)
def test_the_strongest_direction_names_the_edges(
    row: tuple[float, ...], column: tuple[float, ...], letters: str, plane: str
) -> None:
    assert "".join(edge_letters(row, column)) == letters
    assert plane_name(letters) == plane


def test_unknown_letters_name_no_plane() -> None:
    assert plane_name("") == plane_name("RLRL") == ""


@pytest.mark.parametrize(("axis", "upper"), [(0, "R"), (1, "A"), (2, "H")])
@pytest.mark.parametrize("turned", [False, True])
def test_the_last_slice_of_a_volume_lies_where_its_letter_says(axis: int, upper: str, turned: bool) -> None:
    head = np.zeros((20, 20, 20), np.float32)
    head[tuple(slice(14, None) if one == axis else slice(None) for one in range(3))] = 1  # NIfTI: right, front, head
    sides = np.where(np.arange(3) == axis, 3.0, 1.0)
    affine = np.diag([*sides, 1.0])
    affine[:3, 3] = -10
    if turned:
        head, affine = np.flip(head, axis), affine @ np.diag([*np.where(np.arange(3) == axis, -1.0, 1.0), 1.0])
    kind: Any = nib.Nifti1Image
    opened = nifti.open_file(bytes(kind(head, affine).to_bytes()), max_pixels=10_000)
    assert opened.orientation_letters is not None
    first, last = list(slice_ends(plane_name("".join(opened.orientation_letters)), is_volume=True))
    dark, bright = (float(opened.image(index).pixels.mean()) for index in (0, opened.frames - 1))
    assert (dark, bright, last) == (0, 1, upper) and first != last


@pytest.mark.parametrize(("normal", "plane"), [((1, 0, 0), "sagittal"), ((0, -1, 0), "coronal"), ((0, 0, -1), "axial")])
def test_the_slices_of_dicom_rise_to_the_left_the_back_and_the_head(normal: tuple[float, ...], plane: str) -> None:
    rising = lying_at(normal, 0.0).upward_normal
    first, last = list(slice_ends(plane, is_volume=False))
    assert edge_letters(rising, rising)[:2] == (first, last)


def test_without_a_plane_the_ends_of_a_series_are_unknown() -> None:
    assert slice_ends("", is_volume=True) == slice_ends("", is_volume=False) == ""
