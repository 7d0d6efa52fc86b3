"""The height of a slice is its place among the numbered slices of its folder."""

from pathlib import Path

import pytest

from ml.training.data.heights import HEIGHTS, height
from ml.training.data.table import Row
from tests.ml.training.simulated import row


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(10):
        (tmp_path / f"{number:03d}.jpg").touch()
        (tmp_path / f"{number:03d}-mask.png").touch()
    return tmp_path


def slice_(folder: Path, name: str, plane: str = "axial") -> Row:
    return row(1, path=folder / name, plane=plane)


def test_fifths_from_the_lowest_slice_upwards(folder: Path) -> None:
    assert [height(slice_(folder, f"{n:03d}.jpg")) for n in range(10)] == [name for name in HEIGHTS for _ in range(2)]


@pytest.mark.parametrize("plane", ["coronal", "sagittal", ""])
def test_a_slice_of_another_plane_has_no_height(folder: Path, plane: str) -> None:
    assert height(slice_(folder, "003.jpg", plane)) == ""


def test_a_name_that_is_no_position_has_no_height(folder: Path) -> None:
    assert height(slice_(folder, "glioma--17.jpg")) == ""
    assert height(slice_(folder, "1204.jpg")) == ""
