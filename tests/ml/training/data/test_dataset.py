"""From rows to squares and cells: the transform that serves, in the order asked for, only training images changed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml import readers
from ml.preprocess import preprocess
from ml.training.data import dataset, targets
from ml.training.data.table import COLUMNS, TableError, read_table
from tests.ml.conftest import table_row

BOX = "0.54 0.34 0.70 0.50"  # of a phantom's lesion


def test_a_clean_example_is_what_serving_sees(make_table: Callable[..., Path]) -> None:
    [row] = read_table(make_table([table_row(1, boxes=BOX)]))
    square, cells = dataset.example((row, 0))
    expected, geometry = preprocess(readers.read(row.path))
    np.testing.assert_array_equal(square, expected)
    np.testing.assert_array_equal(cells, targets.cells(targets.region(row, geometry)))
    assert (cells == targets.POSITIVE).any()


def test_a_copy_is_drawn_from_seed_round_and_key(make_table: Callable[..., Path]) -> None:
    [row] = read_table(make_table([table_row(1, boxes=BOX)]))
    first, cells = dataset.example((row, 1), seed=1)
    again, same = dataset.example((row, 1), seed=1)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(cells, same)
    for other in (dataset.example((row, 2), seed=1), dataset.example((row, 1), seed=2), dataset.example((row, 0))):
        assert np.abs(other[0] - first).mean() > 1


@pytest.mark.parametrize("split", ["val", "test"])
def test_only_training_images_are_augmented(make_table: Callable[..., Path], split: str) -> None:
    train, other = read_table(make_table([table_row(1), table_row(2, split=split)]))
    dataset.example((train, 1), seed=1)
    dataset.example((other, 0))
    with pytest.raises(ValueError, match="only training images"):
        dataset.example((other, 1), seed=1)


def test_batches_keep_the_order(make_table: Callable[..., Path]) -> None:
    rows = read_table(make_table([table_row(n, boxes=BOX) for n in range(3)]))
    draws = [(rows[n], round_) for n, round_ in ((2, 1), (0, 0), (1, 2), (2, 0), (0, 1))]
    got = list(dataset.batches(draws, size=2, seed=1))
    assert [len(squares) for squares, _ in got] == [2, 2, 1]
    expected = [dataset.example(draw, seed=1) for draw in draws]
    np.testing.assert_array_equal(np.concatenate([squares for squares, _ in got]), [square for square, _ in expected])
    np.testing.assert_array_equal(np.concatenate([cells for _, cells in got]), [cells for _, cells in expected])
    assert list(dataset.batches([], size=2)) == []


def test_an_image_that_cannot_be_read_is_named(make_table: Callable[..., Path]) -> None:
    [row] = read_table(make_table([table_row(1)]))
    row.path.write_bytes(b"gone")
    with pytest.raises(TableError, match=r"path: images/1\.png"):
        dataset.example((row, 0))
    with pytest.raises(TableError, match=r"path: images/1\.png"):
        list(dataset.batches([(row, 0)], size=1))


@pytest.mark.parametrize("content", [None, b"no image"])
def test_a_mask_that_cannot_be_read_is_named(make_table: Callable[..., Path], content: bytes | None) -> None:
    file = make_table([table_row(1, mask="mask.png")], columns=(*COLUMNS, "mask"))
    if content is not None:
        (file.parent / "mask.png").write_bytes(content)
    [row] = read_table(file)
    with pytest.raises(TableError, match=r"mask of images/1\.png"):
        dataset.example((row, 0))


def test_targets(make_table: Callable[..., Path]) -> None:
    rows = read_table(make_table([table_row(1, type="pituitary"), table_row(2, label="no_tumor", type="")]))
    assert dataset.tumor_targets(rows).tolist() == [1, 0]
    assert dataset.type_targets(rows).tolist() == [2, dataset.UNKNOWN_TYPE]
