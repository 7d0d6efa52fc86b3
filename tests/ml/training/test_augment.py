"""Augmentation: seeded by row and round, in range, and of training pictures only."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.preprocess import SIZE
from ml.training import dataset
from ml.training.augment import Recipe, augment
from ml.training.splits import read_table
from tests import builders
from tests.ml.conftest import table_row

STILL = Recipe(rotation=0, flip=0, zoom=0, shift=0, gamma=0, contrast=0, blur=0, noise=0)


def square(size: int = SIZE) -> np.ndarray:
    return builders.phantom(size).astype(np.float32)


def copy(*, seed: int = 1, round_: int = 1, key: str = "a", recipe: Recipe | None = None) -> np.ndarray:
    return augment(square(), seed=seed, round_=round_, key=key, recipe=recipe or Recipe())


def test_shape_type_and_range() -> None:
    for round_ in range(1, 12):
        changed = copy(round_=round_)
        assert changed.shape == (SIZE, SIZE)
        assert changed.dtype == np.float32
        assert changed.min() >= 0
        assert changed.max() <= 255


def test_it_is_drawn_from_seed_round_and_row_alone() -> None:
    np.testing.assert_array_equal(copy(), copy())
    for other in (copy(seed=2), copy(round_=2), copy(key="b")):
        assert np.abs(other - copy()).mean() > 1


def test_it_leaves_the_original_alone() -> None:
    original = square()
    before = original.copy()
    augment(original, seed=1, round_=1, key="a")
    np.testing.assert_array_equal(original, before)


def test_a_recipe_of_nothing_changes_next_to_nothing() -> None:
    assert np.abs(copy(recipe=STILL) - square()).max() <= 1


def test_flip_mirrors_left_and_right() -> None:
    flipped = copy(recipe=Recipe(**(STILL.as_dict() | {"flip": 1.0})))
    assert np.abs(flipped - square()[:, ::-1]).max() <= 1


@pytest.mark.parametrize("name", ["rotation", "zoom", "shift", "gamma", "contrast", "blur", "noise"])
def test_each_change_by_itself_changes_the_picture(name: str) -> None:
    alone = Recipe(**(STILL.as_dict() | {name: getattr(Recipe(), name)}))
    assert max(np.abs(copy(round_=n, recipe=alone) - square()).mean() for n in range(1, 6)) > 0.3


def test_only_training_pictures_are_augmented(make_table: Callable[..., Path]) -> None:
    train, val, test = read_table(make_table([table_row(1), table_row(2, split="val"), table_row(3, split="test")]))
    dataset.square(train, seed=1, round_=1)
    for row in (val, test):
        dataset.square(row)
        with pytest.raises(ValueError, match="only training pictures"):
            dataset.square(row, seed=1, round_=1)


def test_batches_keep_the_order(make_table: Callable[..., Path]) -> None:
    rows = read_table(make_table([table_row(n) for n in range(5)]))
    got = list(dataset.batches(rows, size=2, seed=1, round_=1))
    assert [len(part) for part in got] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(got), [dataset.square(row, seed=1, round_=1) for row in rows])
    assert list(dataset.batches([], size=2)) == []


def test_a_picture_that_cannot_be_read_is_named(make_table: Callable[..., Path]) -> None:
    [row] = read_table(make_table([table_row(1)]))
    row.path.write_bytes(b"gone")
    with pytest.raises(Exception, match=r"images/1\.png"):
        dataset.square(row)


def test_targets(make_table: Callable[..., Path]) -> None:
    rows = read_table(make_table([table_row(1, type="pituitary"), table_row(2, label="no_tumor", type="")]))
    assert dataset.tumor_targets(rows).tolist() == [1, 0]
    assert dataset.type_targets(rows).tolist() == [2, dataset.UNKNOWN_TYPE]
