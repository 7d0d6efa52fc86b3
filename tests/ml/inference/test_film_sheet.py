"""Several slices in one image are distinguished from one slice."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from ml.contracts import Image
from ml.inference import film_sheet, pixel_checks
from tests import builders


def sheet(slices: list[np.ndarray], rows: int, *, gap: int = 0, margin: int = 0) -> np.ndarray:
    """Slices of one size in rows of tiles."""
    columns = len(slices) // rows
    tiles = [np.pad(one, ((0, gap), (0, gap))) for one in slices]
    whole = np.vstack([np.hstack(tiles[row * columns : (row + 1) * columns]) for row in range(rows)])
    return np.pad(whole, margin)


def phantoms(count: int, *, size: int = 96) -> list[np.ndarray]:
    return [builders.phantom(size, lesion=number % 3 == 0, seed=number) for number in range(count)]


@pytest.mark.parametrize(("count", "rows"), [(4, 2), (6, 2), (12, 3), (12, 4), (20, 4), (42, 6), (4, 1), (3, 3)])
@pytest.mark.parametrize(("gap", "margin"), [(0, 0), (6, 20)])
def test_a_sheet(count: int, rows: int, gap: int, margin: int) -> None:
    assert film_sheet.repeats(sheet(phantoms(count), rows, gap=gap, margin=margin)) >= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_sheet_of_any_depth_is_refused_by_its_name(dtype: type) -> None:
    pixels: np.ndarray = sheet(phantoms(12), 3).astype(dtype)
    verdict = pixel_checks.check(Image(pixels, "PNG", pixels.shape[1], pixels.shape[0]))
    assert (verdict.accepted, verdict.reason) == (False, "film_sheet")
    assert "several slices" in str(verdict.message)


def test_blank_tiles_at_the_end_do_not_hide_a_sheet() -> None:
    slices = [*phantoms(13), *[np.zeros((96, 96), np.uint8)] * 3]
    assert film_sheet.repeats(sheet(slices, 4)) >= 1


@pytest.mark.parametrize("size", [64, 96, 256, 512])
def test_one_slice(size: int) -> None:
    assert film_sheet.repeats(builders.phantom(size)) < 0.8


def test_noise_and_a_flat_image() -> None:
    assert film_sheet.repeats(np.random.default_rng(0).integers(0, 255, (200, 300)).astype(np.uint8)) < 0.8
    assert film_sheet.repeats(np.full((64, 64), 7, np.uint8)) == 0


def test_public_slices_are_no_sheets(real_data: Path) -> None:
    with (real_data / "scans.csv").open(newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file) if "not-brain" not in row["path"]]
    planes = (np.asarray(Pillow.open(real_data / path).convert("L")) for path in paths[::40])
    assert max(film_sheet.repeats(plane) for plane in planes) < 1


def test_sheets_of_public_series_are_found(real_data: Path) -> None:
    found = []
    for folder in sorted((real_data / "series").glob("*/*"))[::12]:
        paths = sorted(folder.iterdir())
        if len(paths) >= 16:
            chosen = [paths[int(at)] for at in np.linspace(len(paths) * 0.25, len(paths) * 0.9 - 1, 20)]
            found.append(film_sheet.repeats(sheet([np.asarray(Pillow.open(path).convert("L")) for path in chosen], 4)))
    assert len(found) > 10
    assert np.mean(np.array(found) >= 1) > 0.9
