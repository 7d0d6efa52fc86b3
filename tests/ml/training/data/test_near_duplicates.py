"""Images in two splits: found by their pixels, and left out of the training side."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ml import readers
from ml.model import training_hashes
from ml.training.data.near_duplicates import count_dropped, drop_near_duplicates, fingerprints
from ml.training.data.table import Row, read_table
from tests import builders
from tests.ml.conftest import table_row

Make = Callable[..., Path]


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (90, 90)).astype(np.uint8)


def table(make_table: Make, *splits: str, **changes: object) -> list[Row]:
    rows = read_table(make_table([table_row(n, split=split, **changes) for n, split in enumerate(splits)]))
    for number, row in enumerate(rows):
        row.path.write_bytes(builders.png_bytes(noise(number)))
    return rows


def copy(row: Row, of: Row) -> None:
    """The same image, smaller and as JPEG."""
    pixels = readers.read(of.path).pixels
    row.path.write_bytes(builders.jpeg_bytes(pixels, quality=80))


def test_images_of_training_and_validation_are_known(make_table: Make) -> None:
    rows = table(make_table, "train", "val", "test")
    known, prints = fingerprints(rows)
    assert [row.split for row in known] == ["train", "val"]
    np.testing.assert_array_equal(prints[1], training_hashes.fingerprint(readers.read(rows[1].path)))


def test_unrelated_images_stay(make_table: Make) -> None:
    rows = table(make_table, "train", "train", "val", "test")
    assert drop_near_duplicates(rows) == rows


def test_what_a_later_split_shows_is_left_out_of_the_earlier(make_table: Make) -> None:
    rows = table(make_table, "train", "train", "train", "val", "val", "test", "test")
    copy(rows[0], rows[3])
    copy(rows[2], rows[5])
    copy(rows[4], rows[6])
    kept = drop_near_duplicates(rows)
    assert kept == [rows[1], rows[3], rows[5], rows[6]]
    assert count_dropped(rows, kept) == {"train": 2, "val": 1}


def test_copies_within_a_split_stay(make_table: Make) -> None:
    rows = table(make_table, "train", "train", "val", "test")
    copy(rows[1], rows[0])
    assert drop_near_duplicates(rows) == rows


def test_images_that_are_no_brain_mri_stay(make_table: Make) -> None:
    rows = table(make_table, "train", "test", label="not_brain_mri", type="")
    copy(rows[0], rows[1])
    assert drop_near_duplicates(rows) == rows
