"""Letters at an image's edges, and the plane that they mean."""

import pytest

from ml.readers.orientation import edge_letters, plane_name


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
