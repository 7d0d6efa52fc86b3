"""Skull and resolution are read off the image itself."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.preprocess import SIZE
from ml.training.data.appearance import PROPERTIES, SIDES, appearance, has_skull, some
from ml.training.data.shortcuts import facts
from tests.builders import png_bytes
from tests.ml.training.simulated import row


def ellipses(*layers: tuple[float, int]) -> NDArray[np.float32]:
    """A square with one ellipse in another, each of a radius, as a fraction of the side, and a gray level."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    square = np.zeros((SIZE, SIZE), np.float32)
    for radius, level in layers:
        square[np.hypot(x / 0.9, y) < 2 * radius] = level
    return square


@pytest.mark.parametrize(
    ("layers", "skull"),
    [
        (((0.48, 160), (0.45, 10), (0.40, 140)), True),
        (((0.48, 240), (0.42, 150)), True),
        (((0.48, 150),), False),
        (((0.48, 110), (0.45, 160)), False),
    ],
    ids=["bone", "fat", "brain", "brain with dark cortex"],
)
def test_a_skull_is_bone_or_fat(layers: tuple[tuple[float, int], ...], skull: bool) -> None:
    assert has_skull(ellipses(*layers)) is skull


@pytest.mark.parametrize("level", [0, 255])
def test_an_image_without_a_head_has_no_skull(level: int) -> None:
    assert not has_skull(np.full((SIZE, SIZE), level, np.float32))


def test_the_resolution_is_the_shorter_side(tmp_path: Path) -> None:
    for number, limit in enumerate(SIDES):
        for side, reached in ((limit - 1, number), (limit, number + 1)):
            file = tmp_path / f"{side}.png"
            file.write_bytes(png_bytes(np.zeros((side + 9, side), np.uint8)))
            assert appearance(file).side == reached


def test_how_well_a_label_is_guessed_from_the_resolution(tmp_path: Path) -> None:
    rows = []
    for number, (side, label) in enumerate(((100, "tumor"), (100, "tumor"), (500, "no_tumor"), (100, "no_tumor"))):
        file = tmp_path / f"{number}.png"
        file.write_bytes(png_bytes(np.zeros((side, side), np.uint8)))
        rows.append(row(number, path=file, label=label))
    assert facts(rows, rows[:2] + rows[3:], PROPERTIES) == {
        "skull": {"table": 0.5, "drawn": 0.5},
        "resolution": {"table": 0.75, "drawn": 0.5},
    }


def test_a_large_table_is_sampled() -> None:
    rows = [row(n) for n in range(50)]
    assert some(rows) == rows
    drawn = some(rows, most=20)
    assert len({one.key for one in drawn}) == 20
    assert drawn == some(rows, most=20)
