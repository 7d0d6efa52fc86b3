"""Evidence: peak and box come back to where the tumor lies in the file, whatever was cropped, padded or turned."""

import json

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as Pillow

from ml.contracts import Evidence, Image
from ml.evidence import localize
from ml.evidence.localize import LOCALIZED, locate
from ml.model.heads import CELLS
from ml.preprocess import Geometry, preprocess
from tests import builders

WHOLE = Geometry(x0=0, y0=0, side=224, pad_x=0, pad_y=0, width=224, height=224, orientation=1)
NARROW = Geometry(x0=0, y0=0, side=224, pad_x=56, pad_y=0, width=112, height=224, orientation=1)

maps = hnp.arrays(np.float64, (CELLS, CELLS), elements=st.floats(0, 1))
orientations = st.integers(1, 8)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    """Of an image of any size, with any crop, padded on one axis as `preprocess` does."""
    width, height = draw(st.integers(20, 2000)), draw(st.integers(20, 2000))
    across, down = draw(st.integers(5, width)), draw(st.integers(5, height))
    side = max(across, down)
    return Geometry(
        x0=draw(st.integers(0, width - across)),
        y0=draw(st.integers(0, height - down)),
        side=side,
        pad_x=(side - across) // 2,
        pad_y=(side - down) // 2,
        width=width,
        height=height,
        orientation=draw(orientations),
    )


def spot(*cells: tuple[int, int, float], rest: float = 0.0) -> np.ndarray:
    """A map with the given (row, column, probability)."""
    plane = np.full((CELLS, CELLS), rest)
    for row, column, value in cells:
        plane[row, column] = value
    return plane


@settings(max_examples=60)
@given(
    height=st.integers(64, 260),
    width=st.integers(64, 260),
    margins=st.tuples(*[st.integers(0, 120)] * 4),
    u=st.floats(0.15, 0.85),
    v=st.floats(0.15, 0.85),
    orientation=orientations,
)
def test_a_spot_comes_back_to_its_place_in_the_file(
    height: int, width: int, margins: tuple[int, int, int, int], u: float, v: float, orientation: int
) -> None:
    """The way there is walked by Pillow and NumPy alone: what they do to the pixels is what must be undone."""
    above, below, before, after = margins
    head = np.asarray(Pillow.fromarray(builders.phantom(128, lesion=False)).resize((width, height)))
    upright = np.pad(head, ((above, below), (before, after)))
    _, geometry = preprocess(_as_read(upright, orientation))
    x, y, radius = before + u * width, above + v * height, geometry.side / 20
    rows, columns = np.mgrid[: upright.shape[0], : upright.shape[1]] + 0.5
    marker = ((np.hypot(columns - x, rows - y) <= radius) * 255).astype(np.uint8)
    left, top = geometry.x0 - geometry.pad_x, geometry.y0 - geometry.pad_y
    seen = Pillow.fromarray(marker).crop((left, top, left + geometry.side, top + geometry.side))
    cells = np.asarray(seen.convert("F").resize((CELLS, CELLS), Pillow.Resampling.BOX)) / 255
    assume(cells.max() > LOCALIZED)

    found = locate(np.clip(cells, 0, 1), geometry=geometry)

    stored = builders.stored(marker, orientation)
    true_y, true_x = (edge.mean() + 0.5 for edge in np.nonzero(stored))
    one_cell = geometry.side / CELLS
    assert found.peak[0] * stored.shape[1] == pytest.approx(true_x, abs=one_cell)
    assert found.peak[1] * stored.shape[0] == pytest.approx(true_y, abs=one_cell)
    assert found.box is not None
    x0, y0, x1, y1 = found.box
    assert x0 * stored.shape[1] - one_cell / 4 <= true_x <= x1 * stored.shape[1] + one_cell / 4
    assert y0 * stored.shape[0] - one_cell / 4 <= true_y <= y1 * stored.shape[0] + one_cell / 4
    assert (x1 - x0) * stored.shape[1] <= 4 * one_cell and (y1 - y0) * stored.shape[0] <= 4 * one_cell

    shown = localize.upright_peak(found)
    assert shown[0] * upright.shape[1] == pytest.approx(x, abs=one_cell)
    assert shown[1] * upright.shape[0] == pytest.approx(y, abs=one_cell)


def _as_read(upright: np.ndarray, orientation: int) -> Image:
    """What the reader makes of `upright` stored with that orientation."""
    height, width = builders.stored(upright, orientation).shape
    return Image(upright, "PNG", width, height, orientation)


@settings(max_examples=50)
@given(cells=maps, geometry=geometries())
@example(cells=np.ones((CELLS, CELLS)), geometry=NARROW)
@example(cells=np.zeros((CELLS, CELLS)), geometry=NARROW)
def test_whatever_the_map_everything_lies_in_the_image_and_none_of_it_on_padding(
    cells: np.ndarray, geometry: Geometry
) -> None:
    found = locate(cells, geometry=geometry)
    u, v = localize.upright_peak(found)
    pixel_x, pixel_y = u * geometry.width, v * geometry.height
    room = 1.01 + 1e-4 * max(geometry.width, geometry.height)  # an odd padding's last pixel, and rounding
    assert geometry.x0 - room <= pixel_x <= geometry.x0 + geometry.side - 2 * geometry.pad_x + room
    assert geometry.y0 - room <= pixel_y <= geometry.y0 + geometry.side - 2 * geometry.pad_y + room
    assert 0 <= found.peak[0] <= 1 and 0 <= found.peak[1] <= 1
    assert len(found.heat) == CELLS * CELLS and all(0 <= value <= 255 for value in found.heat)
    if found.box is not None:
        x0, y0, x1, y1 = found.box
        assert 0 <= x0 <= found.peak[0] <= x1 <= 1
        assert 0 <= y0 <= found.peak[1] <= y1 <= 1
        assert found.box_fraction is not None and 0 < found.box_fraction <= 1


@settings(max_examples=50)
@given(cells=maps, geometry=geometries())
def test_the_record_survives_json(cells: np.ndarray, geometry: Geometry) -> None:
    found = locate(cells, geometry=geometry)
    assert localize.restore(json.loads(json.dumps(found.as_dict()))) == found


@pytest.mark.parametrize("stored", [None, {}, {"peak": [0.5, 0.5], "box": None}])
def test_a_record_without_a_map_restores_to_nothing(stored: dict[str, object] | None) -> None:
    assert localize.restore(stored) is None


@settings(max_examples=50)
@given(cells=maps, geometry=geometries(), scale=st.floats(0.01, 0.99))
def test_there_is_a_box_exactly_from_the_documented_level(cells: np.ndarray, geometry: Geometry, scale: float) -> None:
    cells = cells * scale
    strongest = np.where(localize._without_padding(np.ones((CELLS, CELLS)), geometry) > 0, cells, 0).max()
    found = locate(cells, geometry=geometry)
    assert (found.box is not None) == (strongest >= LOCALIZED)
    assert (found.box_fraction is None) == (found.box is None)


def test_one_strong_cell_is_its_own_box() -> None:
    found = locate(spot((3, 9, 0.8)), geometry=WHOLE)
    assert found.peak == pytest.approx((9.5 / CELLS, 3.5 / CELLS), abs=1e-4)
    assert found.box == pytest.approx((9 / CELLS, 3 / CELLS, 10 / CELLS, 4 / CELLS), abs=0.2 / CELLS)
    assert found.box_fraction == pytest.approx(1, abs=0.01)


def test_between_two_equal_cells_lies_the_peak() -> None:
    found = locate(spot((3, 9, 0.8), (3, 10, 0.8)), geometry=WHOLE)
    assert found.peak == pytest.approx((10 / CELLS, 3.5 / CELLS), abs=1e-4)


def test_a_stronger_neighbor_draws_the_peak_to_its_side() -> None:
    left, _ = locate(spot((3, 8, 0.5), (3, 9, 0.8)), geometry=WHOLE).peak
    right, _ = locate(spot((3, 9, 0.8), (3, 10, 0.5)), geometry=WHOLE).peak
    assert 9 / CELLS < left < 9.5 / CELLS < right < 10 / CELLS


def test_a_saturated_region_has_its_peak_in_its_midst() -> None:
    cells = np.zeros((CELLS, CELLS))
    cells[4:9, 2:7] = 1.0
    found = locate(cells, geometry=WHOLE)
    assert found.peak == pytest.approx((4.5 / CELLS, 6.5 / CELLS), abs=1e-4)
    assert found.box == pytest.approx((2 / CELLS, 4 / CELLS, 7 / CELLS, 9 / CELLS), abs=0.2 / CELLS)


def test_a_lone_strong_cell_does_not_outweigh_a_wide_spot() -> None:
    """The peak is the middle of the evidence; without a spot, the lone cell is."""
    wide = [(row, column, 0.7) for row in (8, 9, 10) for column in (3, 4, 5)]
    found = locate(spot((2, 11, 0.9), *wide), geometry=WHOLE)
    assert found.peak == pytest.approx((4.5 / CELLS, 9.5 / CELLS), abs=1e-3)
    assert found.box is not None and found.box[2] < 7 / CELLS and found.box[1] > 7 / CELLS
    assert locate(spot((2, 11, 0.9)), geometry=WHOLE).peak == pytest.approx((11.5 / CELLS, 2.5 / CELLS), abs=1e-4)


def test_weak_cells_do_not_take_the_peak_however_many_they_are() -> None:
    """Nor does the hole between strong cells, where most evidence is near."""
    found = locate(spot((3, 9, 0.9), rest=0.4), geometry=WHOLE)
    assert found.peak == pytest.approx((9.5 / CELLS, 3.5 / CELLS), abs=0.5 / CELLS)
    ring = [(row, column, 0.9) for row in (5, 6, 7) for column in (5, 6, 7) if (row, column) != (6, 6)]
    x, y = locate(spot(*ring), geometry=WHOLE).peak
    assert (int(x * CELLS), int(y * CELLS)) != (6, 6)


def test_distant_or_weak_cells_are_not_in_the_box() -> None:
    found = locate(spot((3, 3, 0.8), (3, 4, 0.3), (10, 10, 0.7)), geometry=WHOLE)
    assert found.box is not None and found.box[2] < 5 / CELLS and found.box[3] < 5 / CELLS
    assert found.box_fraction == pytest.approx(0.8 / 1.8, abs=0.05)


def test_cells_on_padding_are_no_evidence() -> None:
    found = locate(spot((3, 1, 0.9), (7, 6, 0.4)), geometry=NARROW)
    assert found.peak == pytest.approx(((6.5 / CELLS * 224 - 56) / 112, 7.5 / CELLS), abs=1e-4)
    assert found.heat[3 * CELLS + 1] == 0


@pytest.mark.parametrize(
    "cells",
    [np.zeros((13, 14)), np.zeros(196), spot((1, 1, float("nan"))), spot((1, 1, 1.2)), spot((1, 1, -0.1))],
    ids=["13x14", "flat", "nan", "above", "below"],
)
def test_an_invalid_map_is_an_error(cells: np.ndarray) -> None:
    with pytest.raises(ValueError):
        locate(cells, geometry=WHOLE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_turns_with_its_image(orientation: int) -> None:
    upright = (0.1, 0.2, 0.4, 0.9)
    mask = np.zeros((100, 60), np.uint8)
    mask[20:90, 6:24] = 255
    rows, columns = np.nonzero(builders.stored(mask, orientation))
    height, width = builders.stored(mask, orientation).shape
    x0, x1 = int(columns.min()) / width, int(columns.max() + 1) / width
    box = (x0, int(rows.min()) / height, x1, int(rows.max() + 1) / height)
    turned = Evidence((0.5, 0.5), box, 0.5, (0,) * 196, (0.0, 0.0, 1.0, 1.0), orientation)
    assert localize.upright_box(turned) == pytest.approx(upright, abs=1e-4)
