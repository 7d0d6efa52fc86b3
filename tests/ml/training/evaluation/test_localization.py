"""Evidence against boxes and masks: pixels at the edge, masks stricter than boxes, overlap by its definition."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from ml.contracts import Evidence
from ml.training.evaluation import localization
from ml.training.evaluation.localization import Localization, localize
from tests.ml.training.simulated import analysis, row

BOX = (0.2, 0.2, 0.6, 0.6)
BOXES = st.tuples(*[st.floats(0, 1)] * 4).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """20 wide, 10 high; white from column 8 to 11 and row 2 to 4."""
    pixels = np.zeros((10, 20), np.uint8)
    pixels[2:5, 8:12] = 255
    file = tmp_path / "mask.png"
    Pillow.fromarray(pixels).convert("1").save(file)
    return file


def said(peak: tuple[float, float], box: tuple[float, float, float, float] | None = None) -> Evidence | None:
    return analysis(0.9, peak=peak, box=box).evidence


def test_in_a_box() -> None:
    assert localize(row(1, boxes=(BOX,)), said((0.3, 0.5))) == Localization(True, None, 0.0)
    assert localize(row(1, boxes=(BOX,)), said((0.7, 0.5))) == Localization(False, None, 0.0)
    assert localize(row(1, boxes=((0.8, 0.8, 0.9, 0.9), BOX)), said((0.2, 0.2))).in_any


def test_a_mask_is_stricter_than_its_box(mask: Path) -> None:
    wide = row(1, boxes=((0.0, 0.0, 1.0, 1.0),), mask=mask)
    assert localize(wide, said((0.5, 0.35))) == Localization(True, True, 0.0)
    assert localize(wide, said((0.1, 0.1))) == Localization(True, False, 0.0)
    assert localize(row(1, mask=mask), said((0.1, 0.1))) == Localization(False, False, 0.0)


@pytest.mark.parametrize(
    ("peak", "inside"),
    [
        ((0.4, 0.2), True),
        ((0.399, 0.2), False),
        ((0.599, 0.499), True),
        ((0.6, 0.3), False),
        ((1.0, 1.0), False),
    ],
)
def test_the_pixel_at_the_peak_decides(mask: Path, peak: tuple[float, float], inside: bool) -> None:
    assert localize(row(1, mask=mask), said(peak)).in_mask is inside


def test_overlap_takes_the_best_box_or_the_masks_bounds(mask: Path) -> None:
    assert localize(row(1, boxes=((0, 0, 0.1, 0.1), BOX)), said((0.5, 0.5), BOX)).overlap == pytest.approx(1)
    assert localize(row(1, mask=mask), said((0.5, 0.3), (0.4, 0.2, 0.6, 0.5))).overlap == pytest.approx(1)


def test_what_cannot_be_judged_is_not(mask: Path) -> None:
    assert localize(row(1), said((0.5, 0.5))) == Localization()
    assert localize(row(1, label="no_tumor"), said((0.5, 0.5))) == Localization()
    assert localize(row(1, mask=mask), None) == Localization()


@given(BOXES, BOXES)
def test_overlap_is_symmetric_and_bounded(one: localization.Box, other: localization.Box) -> None:
    assert 0 <= localization.iou(one, other) <= 1 + 1e-9
    assert localization.iou(one, other) == pytest.approx(localization.iou(other, one))


def test_overlap_of_known_boxes() -> None:
    assert localization.iou((0, 0, 0.5, 1), (0.25, 0, 0.75, 1)) == pytest.approx(1 / 3)
    assert localization.iou((0, 0, 0.1, 0.1), (0.5, 0.5, 1, 1)) == 0
