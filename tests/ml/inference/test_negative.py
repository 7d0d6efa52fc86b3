"""Negatives are found, and no slice is taken for one."""

import csv
from pathlib import Path

import numpy as np
import pytest

from ml import readers
from ml.contracts import Image
from ml.inference import pixel_checks
from tests import builders

SLICE = builders.phantom()


def reason(pixels: np.ndarray) -> str | None:
    return pixel_checks.check(Image(pixels, "PNG", pixels.shape[1], pixels.shape[0])).reason


def framed(pixels: np.ndarray, shade: int) -> np.ndarray:
    return np.pad(pixels, 20, constant_values=shade)


@pytest.mark.parametrize(
    "negative",
    [
        255 - SLICE,
        255 - SLICE // 2,
        (255 - SLICE) // 2,
        framed(255 - SLICE, 0),
        framed(255 - SLICE, 255),
        np.rot90(255 - SLICE),
        (255 - SLICE).astype(np.uint16) * 17,
        (-SLICE.astype(np.float32)) / 9,
    ],
)
def test_a_negative_is_refused(negative: np.ndarray) -> None:
    assert reason(negative) == "not_mri_negative"


@pytest.mark.parametrize(
    "positive",
    [SLICE, framed(SLICE, 255), framed(SLICE, 0), framed(framed(SLICE, 255), 0), SLICE[60:200, 70:190]],
)
def test_a_slice_is_no_negative(positive: np.ndarray) -> None:
    assert reason(positive) != "not_mri_negative"


def test_the_sentence_says_what_to_do() -> None:
    verdict = pixel_checks.check(Image(255 - SLICE, "PNG", 256, 256))
    assert verdict.score is not None and verdict.threshold is not None and verdict.score > verdict.threshold
    assert "negative" in str(verdict.message) and "Invert" in str(verdict.message)


@pytest.mark.slow
def test_real_slices_are_told_from_their_negatives(real_data: Path) -> None:
    with (real_data / "scans.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] != "not_brain_mri"][::20]
    images = [readers.read(real_data / row["path"]) for row in rows]
    taken = [row["path"] for row, one in zip(rows, images, strict=True) if reason(one.pixels) == "not_mri_negative"]
    missed = [row["path"] for row, one in zip(rows, images, strict=True) if reason(255 - one.pixels) is None]
    assert len(rows) > 200
    assert taken == []
    assert len(missed) < 0.02 * len(rows), missed
