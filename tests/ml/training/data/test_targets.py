"""Where the tumor lies on the square and its cells: boxes, masks, rims, and nothing where nothing is known."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from ml import readers
from ml.model.heads import CELLS
from ml.preprocess import SIZE, Geometry, preprocess
from ml.training.data import targets
from ml.training.data.targets import BESIDE, HEALTHY, IGNORED, NEGATIVE, POSITIVE, TUMOR, UNKNOWN
from tests import builders
from tests.ml.training.simulated import row

WHOLE = Geometry(x0=0, y0=0, side=SIZE, pad_x=0, pad_y=0, width=SIZE, height=SIZE, orientation=1)
"""The image is the square."""

CELL = SIZE // CELLS


def marked(*corners: tuple[int, int, int, int], value: int = TUMOR) -> np.ndarray:
    """A region with rectangles (x0, y0, x1, y1) in pixels."""
    region = np.full((SIZE, SIZE), HEALTHY, np.uint8)
    for x0, y0, x1, y1 in corners:
        region[y0:y1, x0:x1] = value
    return region


def masked(tmp_path: Path, mask: np.ndarray) -> Path:
    file = tmp_path / "mask.png"
    Pillow.fromarray(mask).save(file)
    return file


def test_a_healthy_image_is_healthy_everywhere() -> None:
    region = targets.region(row(1, label="no_tumor", boxes=((0.1, 0.1, 0.5, 0.5),)), WHOLE)
    assert (region == HEALTHY).all()
    assert (targets.cells(region) == NEGATIVE).all()


def test_a_tumor_of_unknown_place_teaches_no_cell() -> None:
    region = targets.region(row(1), WHOLE)
    assert (region == IGNORED).all()
    assert (targets.cells(region) == UNKNOWN).all()


def test_a_box_is_an_ellipse_with_corners_left_out() -> None:
    region = targets.region(row(1, boxes=((0.25, 0.5, 0.75, 0.75),)), WHOLE)
    inside = region[112:168, 56:168]
    assert (inside != HEALTHY).all()
    assert np.count_nonzero(region) == inside.size
    assert (inside == TUMOR).mean() == pytest.approx(np.pi / 4, abs=0.01)
    assert inside[28, 56] == TUMOR
    for corner in (inside[0, 0], inside[0, -1], inside[-1, 0], inside[-1, -1]):
        assert corner == IGNORED


def test_a_tumor_off_the_square_teaches_no_cell(tmp_path: Path) -> None:
    right = Geometry(x0=112, y0=0, side=SIZE, pad_x=0, pad_y=0, width=2 * SIZE, height=SIZE, orientation=1)
    mask = np.zeros((SIZE, 2 * SIZE), bool)
    mask[10:40, 10:40] = True
    for one in (row(1, boxes=((0.02, 0.1, 0.1, 0.2),)), row(1, mask=masked(tmp_path, mask))):
        assert (targets.region(one, right) == IGNORED).all()


def test_several_boxes_are_all_marked() -> None:
    region = targets.region(row(1, boxes=((0.1, 0.1, 0.3, 0.3), (0.6, 0.6, 0.9, 0.9))), WHOLE)
    assert region[45, 45] == region[168, 168] == TUMOR
    assert region[100, 100] == HEALTHY


def test_a_mask_is_taken_pixel_by_pixel(tmp_path: Path) -> None:
    mask = marked((40, 60, 90, 100)).astype(bool)
    mask |= marked((150, 150, 160, 200)).astype(bool)
    region = targets.region(row(1, mask=masked(tmp_path, mask), boxes=((0, 0, 1, 1),)), WHOLE)
    np.testing.assert_array_equal(region, mask.astype(np.uint8))


def test_crop_and_padding_are_undone(tmp_path: Path) -> None:
    """The lesion of a phantom in wide margins is marked where it is bright on the square, by mask and by box."""
    plane = np.pad(builders.phantom(200), ((90, 10), (30, 160)))
    y, x = np.mgrid[:300, :390]
    lesion = np.hypot(x - 30 - 0.62 * 200, y - 90 - 0.42 * 200) < 16
    square, geometry = preprocess(readers.read(builders.png_bytes(plane)))
    bright = square > 240
    box = ((138 / 390, 158 / 300, 170 / 390, 190 / 300),)
    for one in (row(1, mask=masked(tmp_path, lesion)), row(1, boxes=box)):
        tumor = targets.region(one, geometry) == TUMOR
        assert np.count_nonzero(tumor & bright) / np.count_nonzero(tumor | bright) > 0.85


@pytest.mark.parametrize("size", [(SIZE, SIZE), (900, 700)])
def test_a_mask_of_one_pixel_is_not_lost(tmp_path: Path, size: tuple[int, int]) -> None:
    height, width = size
    geometry = Geometry(x0=0, y0=0, side=max(size), pad_x=0, pad_y=0, width=width, height=height, orientation=1)
    for at in (200, 201, 202, 203):
        mask = np.zeros(size, bool)
        mask[at, at] = True
        assert (targets.cells(targets.region(row(1, mask=masked(tmp_path, mask)), geometry)) == POSITIVE).sum() == 1


def test_a_mask_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        targets.region(row(1, mask=tmp_path / "absent.png"), WHOLE)


def test_cells_within_beside_and_apart() -> None:
    cells = targets.cells(marked((5 * CELL, 5 * CELL, 8 * CELL, 7 * CELL)))
    expected = np.full((CELLS, CELLS), NEGATIVE)
    expected[4:8, 4:9] = BESIDE
    expected[5:7, 5:8] = POSITIVE
    np.testing.assert_array_equal(cells, expected)


def test_a_cell_that_is_touched_is_unknown() -> None:
    cells = targets.cells(marked((5 * CELL, 5 * CELL, 6 * CELL + 5, 6 * CELL)))
    assert cells[5, 5] == POSITIVE
    assert cells[5, 6] == UNKNOWN
    assert cells[5, 7] == BESIDE
    assert cells[5, 8] == NEGATIVE


def test_half_a_cell_is_enough() -> None:
    half = marked((0, 0, CELL // 2, CELL), (3 * CELL, 0, 6 * CELL, CELL))
    assert targets.cells(half)[0, 0] == POSITIVE
    less = marked((0, 0, CELL // 2 - 1, CELL), (3 * CELL, 0, 6 * CELL, CELL))
    assert targets.cells(less)[0, 0] == UNKNOWN


def test_ignored_pixels_make_no_tumor_and_no_healthy_cell() -> None:
    cells = targets.cells(marked((0, 0, 3 * CELL, 3 * CELL), value=IGNORED))
    assert (cells[:3, :3] == UNKNOWN).all()
    assert (cells[3, :4] == BESIDE).all()
    assert (cells[4:] == NEGATIVE).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1), st.integers(1, 7), st.integers(1, 7))
def test_a_tiny_tumor_still_has_its_cell(x: int, y: int, width: int, height: int) -> None:
    region = marked((x, y, x + width, y + height))
    cells = targets.cells(region)
    assert (cells == POSITIVE).any()
    fraction = (region == TUMOR).reshape(CELLS, CELL, CELLS, CELL).sum(axis=(1, 3))
    assert fraction[cells == POSITIVE].min() == fraction.max()


@st.composite
def crops(draw: st.DrawFn) -> Geometry:
    width, height = draw(st.integers(64, 600)), draw(st.integers(64, 600))
    x0, y0 = draw(st.integers(0, width // 3)), draw(st.integers(0, height // 3))
    across, down = width - x0 - draw(st.integers(0, width // 3)), height - y0 - draw(st.integers(0, height // 3))
    side = max(across, down)
    return Geometry(x0, y0, side, (side - across) // 2, (side - down) // 2, width, height, orientation=1)


@settings(max_examples=100, deadline=None)
@given(crops(), st.floats(0.4, 0.6), st.floats(0.4, 0.6), st.floats(0.1, 0.2), st.floats(0.1, 0.2))
def test_the_middle_of_a_box_is_positive(geometry: Geometry, x: float, y: float, across: float, down: float) -> None:
    """Big enough: no less than two cells on either side of its center."""
    unit = 2 * geometry.side / CELLS
    across, down = max(across, unit / geometry.width), max(down, unit / geometry.height)
    box = (max(x - across, 0.0), max(y - down, 0.0), min(x + across, 1.0), min(y + down, 1.0))
    cells = targets.cells(targets.region(row(1, boxes=(box,)), geometry))
    u, v = geometry.from_upright((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    assert 0 < u < 1
    assert 0 < v < 1
    assert cells[int(v * CELLS), int(u * CELLS)] == POSITIVE


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.01), st.floats(0, 0.01))
def test_no_box_on_the_square_is_too_small_for_a_cell(x: float, y: float, width: float, height: float) -> None:
    box = (x * 0.99, y * 0.99, x * 0.99 + width, y * 0.99 + height)
    assert (targets.cells(targets.region(row(1, boxes=(box,)), WHOLE)) == POSITIVE).any()
